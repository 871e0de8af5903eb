// A milter that says what a script has it say: frames are written as text, `C host\0 4`, and read back the same way.

@testable import Milter

/// A frame in a notation that can be read: its letter and its data, where `|` stands for NUL and `#1F` for an octet.
func frame(_ text: String) -> [UInt8] {
  var octets: [UInt8] = []
  let data = octetsOf(text)
  octets.appendFrame(data[0]) { $0 += data.dropFirst() }
  return octets
}

func octetsOf(_ text: String) -> [UInt8] {
  var octets: [UInt8] = []
  var rest = Array(text.utf8)[...]
  while let octet = rest.popFirst() {
    switch octet {
    case UInt8(ascii: "|"): octets.append(0)
    case UInt8(ascii: "#"):
      octets.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)!)
      rest.removeFirst(2)
    default: octets.append(octet)
    }
  }
  return octets
}

/// The frames in octets, in that notation.
func frames(_ octets: [UInt8]) throws -> [String] {
  var reader = FrameReader()
  reader.append(octets.span)
  var texts: [String] = []
  while let frame = try reader.next() {
    var text = ""
    for octet in [frame.letter] + frame.data {
      switch octet {
      case 0: text += "|"
      case 32..<127 where octet != UInt8(ascii: "#") && octet != UInt8(ascii: "|"):
        text += String(UnicodeScalar(octet))
      default:
        let digits = String(octet, radix: 16, uppercase: true)
        text += "#" + (octet < 16 ? "0" : "") + digits
      }
    }
    texts.append(text)
  }
  #if DEBUG
    precondition(reader.isEmpty)
  #endif
  return texts
}

/// The answer to the offer: version 6, these actions, this protocol, and what follows.
func answer(
  _ actions: UInt32 = 0x1FF, _ wishes: UInt32 = 0, version: UInt32 = 6, _ more: [UInt8] = []
)
  -> [UInt8]
{
  var octets: [UInt8] = []
  octets.appendFrame(UInt8(ascii: "O")) { data in
    data.append(number: version)
    data.append(number: actions)
    data.append(number: wishes)
    data += more
  }
  return octets
}

extension MilterSession {
  mutating func receive(_ octets: [UInt8]) { receive(octets.span) }

  /// One that has answered the offer so.
  static func begun(_ answer: [UInt8]) throws -> MilterSession {
    var session = MilterSession()
    var output: [UInt8] = []
    session.begin(into: &output)
    session.receive(answer)
    guard try session.next() == .verdict(.proceed) else { throw MilterError.frameSize(-1) }
    return session
  }

  /// The frames that an event makes.
  mutating func tell(_ event: Event, _ macros: Macros = Macros()) throws -> [String] {
    var output: [UInt8] = []
    try send(event, macros, into: &output)
    return try frames(output)
  }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
