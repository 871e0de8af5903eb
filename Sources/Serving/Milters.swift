// The milters of a session: the loop around the chain (Milter/MilterChain.swift), which connects, reads, writes and has the
// deadlines. They are connected to before the session gives up its rights.

public import Milter
public import POSIX
import SMTP

public final class Milters {
  /// Seconds until a milter must have said something about a command, and about a message.
  private static let (commandTime, messageTime) = (30, 300)
  /// Seconds that the answer to one event may take, whatever a milter says of its progress. A client waits ten minutes behind
  /// the end of its message (RFC 5321 §4.5.3.2.6).
  private static let longestTime = 540

  private var chain: MilterChain
  private let connections: [MilterConnection]
  private let log: Log
  private var isInMessage = false
  /// Until when the answer must be there.
  private var deadline = Deadline(inSeconds: 0)
  private var patience = 0

  public init(_ addresses: [MilterAddress], log: Log) {
    self.log = log
    chain = MilterChain(addresses.map { $0.fallback })
    connections = addresses.map(MilterConnection.init)
    for index in connections.indices {
      do throws(Interruption) { try connections[index].connect() } catch {
        lose(index, error.reason)
      }
    }
    chain.begin()
    patience = Self.commandTime
    deadline = Deadline(inSeconds: Self.longestTime)
    _ = finish()
  }

  var count: Int { connections.count }

  /// Asks all milters, or only one of them, about something that changes nothing.
  func ask(_ event: Event, _ macros: Macros = Macros(), only index: Int? = nil) -> Verdict {
    begin(event, macros, only: index)
    return finish()
  }

  /// Tells all, or only one, of an event; `next` gives what they say.
  func begin(_ event: Event, _ macros: Macros = Macros(), only index: Int? = nil) {
    if case .mail = event {
      endMessage()
      isInMessage = true
    }
    switch event {
    case .field, .endOfHeader, .body, .end: patience = Self.messageTime
    default: patience = Self.commandTime
    }
    deadline = Deadline(inSeconds: Self.longestTime)
    chain.send(event, macros, only: index)
  }

  /// The verdict on the event. Changes may come for its end alone: `next` gives them.
  private func finish() -> Verdict {
    while true {
      if case .verdict(let verdict) = next() { return verdict }
    }
  }

  enum Word {
    case edit(Edit)
    case verdict(Verdict)
  }

  /// What the milters say to the event: changes, and then the verdict.
  func next() -> Word {
    while true {
      do throws(MilterError) {
        switch try chain.next() {
        case .exchange(let index): exchange(index)
        case .edit(let edit): return .edit(edit)
        case .verdict(let verdict):
          writeAll()
          return .verdict(verdict)
        }
      } catch {
        for index in connections.indices
        where chain.isLost(index) && connections[index].isOpen {
          lose(index, error.reason)
        }
      }
    }
  }

  func wants(_ event: Event, _ index: Int) -> Bool { chain.wants(event, index) }
  /// Whether the message is to be dropped with a 250.
  var isDiscarded: Bool { chain.isDiscarded }
  func isLost(_ index: Int) -> Bool { chain.isLost(index) }

  /// Whether a milter, with the fallback `tempfail`, was lost in the message: it cannot be taken.
  func isMissing(_ index: Int) -> Bool {
    chain.isLost(index) && chain.fallback(of: index) == .temporaryFailure
  }

  /// The message is over for them, whatever has become of it.
  func endMessage() {
    if isInMessage {
      chain.abort()
      writeAll()
    }
    isInMessage = false
  }

  /// The message was told to them to its end.
  func completeMessage() { isInMessage = false }

  func quit() {
    chain.quit()
    writeAll()
  }

  private func exchange(_ index: Int) {
    let output = chain.takeOutput(of: index)
    let time = Deadline(inSeconds: patience)
    do throws(Interruption) {
      let octets = try connections[index].exchange(
        output, until: min(time, deadline))
      chain.receive(octets.span, from: index)
    } catch {
      lose(index, error.reason)
    }
  }

  /// Writes what nothing is to be read for.
  private func writeAll() {
    for index in connections.indices where !chain.isLost(index) {
      let output = chain.takeOutput(of: index)
      if output.isEmpty { continue }
      do throws(Interruption) {
        try connections[index].tell(output, until: Deadline(inSeconds: patience))
      } catch {
        lose(index, error.reason)
      }
    }
  }

  private func lose(_ index: Int, _ reason: String) {
    chain.lose(index)
    connections[index].close()
    log.write(.error, "failure") { line in
      line.add("milter", connections[index].address.text)
      line.add("reason", reason)
    }
  }
}
