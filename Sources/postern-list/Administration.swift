// Looking after lists: making and removing them, their members, and what is remembered of members whose mail comes back.

import JSON
import ListStore
import Lists
import POSIX
import Routing
import SMTP
import Settings

struct Administration {
  let lists: ListsDirectory
  let settings: Settings
  let isJSON: Bool

  /// A command that cannot be carried out, and why.
  private struct Failure: Error {
    let status: Process.ExitStatus
    let reason: String
  }

  func run(_ request: Arguments.Request) -> Process.ExitStatus {
    do throws(Failure) {
      switch request {
      case .create(let list): try create(list)
      case .delete(let list): try delete(list)
      case .add(let list, let words): try add(words, to: list)
      case .remove(let list, let words): try remove(words, from: list)
      case .suspend(let list, let words): try suspend(words, in: list)
      case .resume(let list, let words): try resume(words, in: list)
      case .show(nil): try showAll()
      case .show(let list?): try show(list)
      case .receive: break  // Program.swift does these
      }
      return .success
    } catch {
      Program.complain(error.reason)
      return error.status
    }
  }

  private func create(_ list: ListName) throws(Failure) {
    switch try nameOwner(of: list) {
    case .alias?:
      throw Failure(status: .failure, reason: "\(list.text): there is an alias of this name")
    case .recipient?:
      throw Failure(
        status: .failure, reason: "\(list.text): there is a mailbox of this name (SMTP_RECIPIENTS)")
    case nil: break
    }
    let isNew = try changing(list) { () throws(SystemError) in try lists.create(list) }
    if !isNew { throw Failure(status: .failure, reason: "\(list.text): there is such a list") }
  }

  private func nameOwner(of list: ListName) throws(Failure) -> Routing.NameOwner? {
    let routing: Routing
    do throws(SettingsError) { routing = try settings.routing() } catch {
      throw Failure(
        status: .configuration, reason: "\(error.variable) \(error.value): \(error.reason)")
    }
    do throws(UnreadableFile) { return try routing.owner(of: list) } catch {
      throw Failure(status: .ioError, reason: "\(error.path): \(error.errno)")
    }
  }

  private func delete(_ list: ListName) throws(Failure) {
    let isDone = try reading(list) { () throws(SystemError) in try lists.delete(list) }
    if !isDone { throw noSuchList(list) }
  }

  private func add(_ words: [String], to list: ListName) throws(Failure) {
    let members = try members(words)
    let added = try changing(list) { () throws(SystemError) in
      try lists.add(members, to: list)
    }
    guard let added else { throw noSuchList(list) }
    report("added", added, of: members.count)
  }

  private func remove(_ words: [String], from list: ListName) throws(Failure) {
    let members = try members(words)
    let removed = try changing(list) { () throws(SystemError) in
      try lists.remove(members, from: list)
    }
    guard let removed else { throw noSuchList(list) }
    _ = try changing(list) { () throws(SystemError) in
      try lists.editStates(of: list) { states in for member in members { states.forget(member) } }
    }
    report("removed", removed, of: members.count)
  }

  private func suspend(_ words: [String], in list: ListName) throws(Failure) {
    let members = try members(words)
    let found = try readingMembers(of: list) { () throws(SystemError) in
      try lists.members(among: members, of: list)
    }
    let day = Int(Clock.now().seconds / 86_400)
    _ = try changing(list) { () throws(SystemError) in
      try lists.editStates(of: list) { states in
        for member in found { states.suspend(member, day: day) }
      }
    }
    report("suspended", found.count, of: members.count)
  }

  private func resume(_ words: [String], in list: ListName) throws(Failure) {
    let members = try members(words)
    let resumed = try changing(list) { () throws(SystemError) in
      try lists.editStates(of: list) { states in
        members.count { member in states.forget(member) }
      }
    }
    report("resumed", resumed, of: members.count)
  }

  private func report(_ word: String, _ count: Int, of all: Int) {
    FileDescriptor.print(
      isJSON ? "{\"\(word)\":\(count),\"given\":\(all)}\n" : "\(word) \(count) of \(all)\n", to: 1)
  }

  /// The members that the words name; `-` stands for the lines of standard input, which are written as in a list's file.
  private func members(_ words: [String]) throws(Failure) -> [Member] {
    var members: [Member] = []
    for word in words {
      if word == "-" {
        members += try membersOfInput()
      } else if let mailbox = Mailbox(Array(word.utf8)), !mailbox.domain.isEmpty {
        members.append(Member(mailbox))
      } else {
        throw Failure(status: .usage, reason: "\(word): an address expected")
      }
    }
    return members
  }

  private func membersOfInput() throws(Failure) -> [Member] {
    let input: [UInt8]?
    do throws(SystemError) {
      input = try FileDescriptor(0).readAll(limit: ListsDirectory.limit)
    } catch {
      throw Failure(status: .ioError, reason: "standard input: \(error)")
    }
    guard let input else { throw Failure(status: .dataError, reason: "standard input: too large") }
    var reader = MemberReader()
    var position = 0
    var members: [Member] = []
    func take(_ line: MemberLine?) throws(Failure) {
      switch line {
      case .member(let member)?: members.append(member)
      case .other?, nil: break
      case .bad?:
        throw Failure(
          status: .dataError, reason: "standard input, line \(reader.number): an address expected")
      }
    }
    while let line = reader.next(input.span, &position) { try take(line) }
    try take(reader.finish())
    return members
  }
}

// Showing.
extension Administration {
  private func showAll() throws(Failure) {
    let files: (lists: [ListName], others: [String])
    do throws(SystemError) { files = try lists.files() } catch {
      throw Failure(status: .ioError, reason: "\(lists.path): \(error)")
    }
    for other in files.others {
      Program.complain("\(lists.path)/\(other): no list can have this name; see postern-list(1)")
    }
    for name in files.lists {
      var count = 0
      try readingMembers(of: name) { () throws(SystemError) in
        try lists.forEachMember(of: name) { _ in count += 1 }
      }
      FileDescriptor.print(
        isJSON ? "{\"name\":\"\(name.text)\",\"members\":\(count)}\n" : "\(name.text) \(count)\n",
        to: 1)
    }
  }

  /// Prints each member, and then says which lines hold none.
  private func show(_ list: ListName) throws(Failure) {
    let states = try reading(list) { () throws(SystemError) in try lists.states(of: list) }
    var bad: [Int] = []
    var known: Set<[UInt8]> = []
    var output: [UInt8] = []
    try readMembers(of: list) { line, number in
      switch line {
      case .member(let member):
        guard known.insert(member.identity).inserted else { return }
        output += text(member, states.state(of: member))
      case .other: break
      case .bad: if bad.count < 100 { bad.append(number) }
      }
      if output.count > 60_000 {
        FileDescriptor.print(String(decoding: output, as: UTF8.self), to: 1)
        output = []
      }
    }
    FileDescriptor.print(String(decoding: output, as: UTF8.self), to: 1)
    for number in bad {
      Program.complain(
        "\(lists.file(list, ListsDirectory.members)), line \(number): an address expected")
    }
    switch try nameOwner(of: list) {
    case .alias?:
      Program.complain("\(list.text): an alias has this name too; the list gets its mail")
    case .recipient?:
      Program.complain(
        "\(list.text): a mailbox of SMTP_RECIPIENTS has this name too; the list gets its mail")
    case nil: break
    }
    do throws(SettingsError) { _ = try lists.settings(of: list) } catch {
      throw Failure(
        status: .configuration,
        reason:
          "\(lists.file(list, ListsDirectory.settings)): \(error.variable)=\(error.value): \(error.reason)"
      )
    }
  }

  /// The address, the name, and the state if there is something to say.
  private func text(_ member: Member, _ state: MemberStates.State) -> [UInt8] {
    if isJSON {
      var json = JSONWriter()
      json.beginObject()
      json.member("address", member.mailbox.octets)
      json.member("name", member.name)
      json.member("state", Array(state.name.utf8))
      json.endObject()
      return json.finish()
    }
    return member.mailbox.octets + (member.name.isEmpty ? [] : [9] + member.name)
      + (state == .active ? [] : Array("\t(\(state.name))".utf8)) + [10]
  }
}

// Failures.
extension Administration {
  private func noSuchList(_ list: ListName) -> Failure {
    Failure(status: .failure, reason: "\(list.text): there is no such list")
  }

  private func readMembers(
    of list: ListName, _ body: (MemberLine, Int) throws(SystemError) -> Void
  ) throws(Failure) {
    try readingMembers(of: list) { () throws(SystemError) in try lists.readMembers(of: list, body) }
  }

  private func readingMembers<Value>(
    of list: ListName, _ body: () throws(SystemError) -> Value
  ) throws(Failure) -> Value {
    do throws(SystemError) { return try body() } catch .noSuchFile {
      throw noSuchList(list)
    } catch {
      throw Failure(
        status: .ioError, reason: "\(lists.file(list, ListsDirectory.members)): \(error)")
    }
  }

  private func reading<Value>(
    _ list: ListName, _ body: () throws(SystemError) -> Value
  ) throws(Failure) -> Value {
    do throws(SystemError) { return try body() } catch {
      throw Failure(status: .ioError, reason: "\(list.text): \(error)")
    }
  }

  private func changing<Value>(
    _ list: ListName, _ body: () throws(SystemError) -> Value
  ) throws(Failure) -> Value {
    do throws(SystemError) { return try body() } catch {
      throw Failure(status: .ioError, reason: "\(list.text): \(error.call): \(error)")
    }
  }
}
