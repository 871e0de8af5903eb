// Mailing lists: which there are, who is on them, a post to one, and the one-click door by which a member leaves
// (RFC 8058).

import API
import HTTP
import ListStore
import Lists
import MIME
import POSIX
import Routing
import SMTP
import StoredMail

extension Service {
  private func directory() throws(APIError) -> ListsDirectory {
    guard let lists = settings.routing.lists else { throw .noLists }
    return lists
  }

  /// The list that a path or a body names, which exists.
  private func list(_ name: [UInt8], _ directory: ListsDirectory) throws(APIError) -> ListName {
    guard let list = ListName(name),
      try attempt(try directory.has(list))
    else { throw .noList }
    return list
  }

  private func attempt<Value>(
    _ body: @autoclosure () throws(SystemError) -> Value
  ) throws(APIError) -> Value {
    do throws(SystemError) { return try body() } catch { throw APIError(error) }
  }

  private func address(_ list: ListName) -> [UInt8] {
    list.octets + [UInt8(ascii: "@")] + domain
  }

  /// The domain of the lists, and of names without one.
  var domain: [UInt8] { settings.routing.domains.first ?? settings.hostname }

  private func facts(
    _ list: ListName, _ directory: ListsDirectory
  ) throws(APIError) -> ListFacts {
    var facts = ListFacts(name: list.octets, address: address(list))
    if let settings = try? directory.settings(of: list) {
      facts.description = settings.description.utf8
    }
    try attempt(
      try directory.forEachMember(of: list) {
        facts.members.append((name: $0.name, address: $0.mailbox.octets))
      })
    return facts
  }

  private func answer(_ list: ListName, _ directory: ListsDirectory) throws(APIError) -> Response {
    try facts(list, directory).response
  }

  func lists() throws(APIError) -> Response {
    let directory = try directory()
    var lists: [ListFacts] = []
    for list in try attempt(try directory.lists()) {
      lists.append(try facts(list, directory))
    }
    return ListFacts.response(lists)
  }

  func list(_ name: [UInt8]) throws(APIError) -> Response {
    let directory = try directory()
    return try answer(try list(name, directory), directory)
  }

  private func members(_ addresses: [[UInt8]]) throws(APIError) -> [Member] {
    var members: [Member] = []
    for address in addresses {
      guard let mailbox = Mailbox(address), !mailbox.domain.isEmpty else {
        throw .badRequest(Array("Invalid email address: ".utf8) + Draft.shown(address))
      }
      members.append(Member(mailbox))
    }
    return members
  }

  func createList() throws(APIError) -> Response {
    let directory = try directory()
    let wanted = try ListRequest(body)
    guard let list = ListName(wanted.name) else { throw .badRequest("not a name for a list") }
    let members = try members(wanted.members)
    let owner: Routing.NameOwner?
    do throws(UnreadableFile) { owner = try settings.routing.owner(of: list) } catch {
      throw APIError(error.errno)
    }
    guard owner == nil else {
      throw .badRequest(Array("an alias or a mailbox has this name: ".utf8) + list.octets)
    }
    guard try attempt(try directory.create(list)) else {
      throw .badRequest(Array("list already exists: ".utf8) + list.octets)
    }
    _ = try attempt(try directory.add(members, to: list))
    return try answer(list, directory)
  }

  func changeList(_ name: [UInt8]) throws(APIError) -> Response {
    let directory = try directory()
    let list = try list(name, directory)
    let wanted = try ListRequest(body)
    let (added, removed) = (try members(wanted.members), try members(wanted.removed))
    _ = try attempt(try directory.remove(removed, from: list))
    _ = try attempt(try directory.add(added, to: list))
    return try answer(list, directory)
  }

  func deleteList(_ name: [UInt8]) throws(APIError) -> Response {
    let directory = try directory()
    let list = try list(name, directory)
    guard try attempt(try directory.delete(list)) else { throw .noList }
    return Response(.ok, text: "ok")
  }

  /// A post to a list, as if it had come by mail. `name` is in the path, or in the body.
  func sendToList(_ name: [UInt8]?) throws(APIError) -> Response {
    let directory = try directory()
    let wanted = try ListRequest(body)
    let list = try list(name ?? wanted.name, directory)
    // An owner may post to it, but the user may not write as anybody where SMTP_SENDERS says so.
    let owner =
      settings.senders == nil ? (try? directory.settings(of: list))?.owners(at: domain).first : nil
    return try send(
      try Draft(
        post: body, to: address(list), sender: owner?.octets ?? defaultSender, at: domain))
  }

  /// Who clicks leaves the list. The token says who that is, and nobody can make one. Whoever has none is told nothing: the
  /// answer, and what is done for it, is the same whether there is such a list or member or not.
  func unsubscribe(_ name: [UInt8], _ token: [UInt8]) throws(APIError) -> Response {
    let directory = try directory()
    guard isOneClick(body, request.contentType) else {
      throw .badRequest("List-Unsubscribe=One-Click expected")
    }
    let key: ListKey
    do throws(ListData.Failure) {
      key = try ListData(queue: settings.queueDirectory ?? "").key()
    } catch {
      throw APIError(error.errno)
    }
    // Any name will do where the given one cannot be a list's.
    let list = ListName(name)
    guard let stand = list ?? ListName([UInt8(ascii: "x")]), token.count <= 200,
      let id = key.member(.leave, token, stand), let list
    else { throw .noPage }
    // Of a list that is gone he is no member.
    if try attempt(try directory.has(list)),
      let member = try attempt(try directory.member(id, of: list))
    {
      _ = try attempt(try directory.remove([member], from: list))
    }
    return Response(.ok, text: "You have left the list.\n")
  }
}
