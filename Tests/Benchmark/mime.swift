// Our side of the MIME benchmark, compiled as part of the module.
//   mime COUNT FILE...       reads each file COUNT times into header fields and parts; prints the seconds taken
//   mime --message FILE      reads one message as people see it, text and all; prints the seconds taken

import Glibc

@main struct Benchmark {
  static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  static func content(_ path: String) -> [UInt8] {
    guard let file = fopen(path, "rb") else { exit(66) }
    fseek(file, 0, SEEK_END)
    let size = ftell(file)
    rewind(file)
    let octets = [UInt8](unsafeUninitializedCapacity: size) { memory, count in
      count = fread(memory.baseAddress, 1, size, file)
    }
    fclose(file)
    return octets
  }

  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count > 2 else { exit(64) }
    var seconds = 0.0
    var touched = 0
    for path in arguments.dropFirst(2) {
      let octets = content(path)
      let start = now()
      if arguments[1] == "--message" {
        touched += everything(octets.span)
      } else {
        for _ in 0..<(Int(arguments[1]) ?? 1) { touched += structure(octets.span) }
      }
      seconds += now() - start
    }
    print(seconds, touched)
  }

  /// What a list of messages needs: the fields that people see, decoded, and the parts with their types.
  static func structure(_ octets: Span<UInt8>) -> Int {
    let message = Message(octets)
    return message.subject.count + message.from.addresses.count + message.to.addresses.count
      + message.structure.parts.count + (message.date == nil ? 0 : 1)
  }

  static func everything(_ octets: Span<UInt8>) -> Int {
    let message = Message(octets)
    var touched = message.text(in: octets).utf8.count + message.snippet(in: octets).count
    for part in message.structure.parts {
      touched += part.contentSize(in: octets)
      var reader = HeaderReader(octets, part.header)
      while let field = reader.next(octets) {
        touched += field.text(in: octets).count + field.addresses(in: octets).addresses.count
        touched += field.parameter("name", in: octets)?.count ?? 0
        touched += field.date(in: octets) == nil ? 0 : 1
        touched += field.messageIDs(in: octets).count
      }
    }
    return touched
  }
}
