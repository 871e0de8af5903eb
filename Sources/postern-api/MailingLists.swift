// Mailing lists: which there are, who is on them, a post to one, and the one-click door by which a member leaves
// (RFC 8058).

import API
import HTTP
import JSON
import Lists
import MIME
import POSIX
import Routing
import SMTP
import Storage

extension Service {
  private func directory() throws(Failure) -> ListsDirectory {
    guard let lists = settings.routing.lists else { throw .noLists }
    return ListsDirectory(path: lists.path)
  }

  /// The list that a path or a body names, which exists.
  private func list(_ name: [UInt8], _ directory: ListsDirectory) throws(Failure) -> ListName {
    guard let list = ListName(name), directory.has(list) else { throw .noList }
    return list
  }

  private func attempt<Value>(_ body: () throws(Errno) -> Value) throws(Failure) -> Value {
    do throws(Errno) { return try body() } catch {
      throw .store(StoreError(call: "open", errno: error))
    }
  }

  private func change<Value>(
    _ body: () throws(FileReplacement.Failure) -> Value
  ) throws(Failure) -> Value {
    do throws(FileReplacement.Failure) { return try body() } catch {
      throw .store(StoreError(call: error.call, errno: error.errno))
    }
  }

  private func address(_ list: ListName) -> [UInt8] {
    list.octets + [UInt8(ascii: "@")] + domain
  }

  /// The domain of the lists.
  private var domain: [UInt8] { settings.routing.domains.first ?? settings.hostname }

  private func append(
    _ list: ListName, _ directory: ListsDirectory, hasMembers: Bool, to json: inout JSONWriter
  ) throws(Failure) {
    var members: [Member] = []
    try attempt { () throws(Errno) in
      try directory.readMembers(of: list) { (line, _) throws(Errno) in
        if case .member(let member) = line { members.append(member) }
      }
    }
    json.beginObject()
    json.member("Name", list.octets)
    json.member("Address", address(list))
    json.member("Description", (try? directory.settings(of: list))?.description.utf8 ?? [])
    json.key("Members")
    if hasMembers {
      json.beginArray()
      for member in members {
        json.person(name: member.name, address: member.mailbox.octets)
      }
      json.endArray()
    } else {
      json.number(members.count)
    }
    json.endObject()
  }

  private func answer(_ list: ListName, _ directory: ListsDirectory) throws(Failure) -> Response {
    var json = JSONWriter()
    try append(list, directory, hasMembers: true, to: &json)
    return Response(.ok, type: "application/json", body: json.finish())
  }

  func lists() throws(Failure) -> Response {
    let directory = try directory()
    var json = JSONWriter()
    json.beginObject()
    json.key("lists")
    json.beginArray()
    for list in try attempt({ () throws(Errno) in try directory.lists() }) {
      try append(list, directory, hasMembers: false, to: &json)
    }
    json.endArray()
    json.endObject()
    return Response(.ok, type: "application/json", body: json.finish())
  }

  func list(_ name: [UInt8]) throws(Failure) -> Response {
    let directory = try directory()
    return try answer(try list(name, directory), directory)
  }

  private func members(_ addresses: [[UInt8]]) throws(Failure) -> [Member] {
    var members: [Member] = []
    for address in addresses {
      guard let mailbox = Mailbox(address) else {
        throw .badRequest(Array("Invalid email address: ".utf8) + Draft.shown(address))
      }
      members.append(Member(mailbox))
    }
    return members
  }

  func createList() throws(Failure) -> Response {
    let directory = try directory()
    let wanted = try ListRequest(body)
    guard let list = ListName(wanted.name) else { throw .badRequest("not a name for a list") }
    let members = try members(wanted.members)
    guard try change({ () throws(FileReplacement.Failure) in try directory.create(list) }) else {
      throw .badRequest(Array("list already exists: ".utf8) + list.octets)
    }
    _ = try change { () throws(FileReplacement.Failure) in try directory.add(members, to: list) }
    return try answer(list, directory)
  }

  func changeList(_ name: [UInt8]) throws(Failure) -> Response {
    let directory = try directory()
    let list = try list(name, directory)
    let wanted = try ListRequest(body)
    let (added, removed) = (try members(wanted.members), try members(wanted.removed))
    _ = try change { () throws(FileReplacement.Failure) in try directory.remove(removed, from: list)
    }
    _ = try change { () throws(FileReplacement.Failure) in try directory.add(added, to: list) }
    return try answer(list, directory)
  }

  func deleteList(_ name: [UInt8]) throws(Failure) -> Response {
    let directory = try directory()
    let list = try list(name, directory)
    guard try attempt({ () throws(Errno) in try directory.delete(list) }) else { throw .noList }
    return Response(.ok, text: "ok")
  }

  /// A post to a list, as if it had come by mail. `name` is in the path, or in the body.
  func sendToList(_ name: [UInt8]?) throws(Failure) -> Response {
    let directory = try directory()
    let wanted = try ListRequest(body)
    let list = try list(name ?? wanted.name, directory)
    // An owner may post to it, but the user may not write as anybody where SMTP_SENDERS says so.
    let owner =
      settings.senders == nil ? (try? directory.settings(of: list))?.owners(at: domain).first : nil
    return try send(
      try Draft(post: body, to: address(list), sender: owner?.octets ?? defaultSender))
  }

  /// Who clicks leaves the list. The token says who that is, and nobody can make one.
  func unsubscribe(_ name: [UInt8], _ token: [UInt8]) throws(Failure) -> Response {
    let directory = try directory()
    let form: Form?
    if let boundary = request.contentType.boundary, request.contentType.isMultipartForm {
      form = Form(multipart: body, boundary: boundary)
    } else {
      form = Form(urlEncoded: body)
    }
    guard let form, form["list-unsubscribe"] == Array("One-Click".utf8) else {
      throw .badRequest("List-Unsubscribe=One-Click expected")
    }
    let list = try list(name, directory)
    let key: ListKey
    do throws(ListData.Failure) {
      key = try ListData(queue: settings.queueDirectory ?? "").key()
    } catch {
      throw .store(StoreError(call: "open", errno: error.errno))
    }
    guard token.count <= 200, let id = key.member(.leave, token, list) else { throw .noPage }
    if let member = try attempt({ () throws(Errno) in try directory.member(id, of: list) }) {
      _ = try change { () throws(FileReplacement.Failure) in
        try directory.remove([member], from: list)
      }
    }
    return Response(.ok, text: "You have left the list.\n")
  }
}
