// What can be seen of a session while it runs, on standard error: the dialogue (`-v`), in which passwords and
// content do not stand, and on a terminal how far a long message has got.

import POSIX

struct Dialogue {
  private let isShown: Bool
  private let hasProgress: Bool
  private let start = Clock.monotonicMilliseconds()
  private var shown: Int64 = 0
  /// Whether what is sent is content.
  var isContent = false
  private var line: [UInt8] = []

  init(isShown: Bool) {
    self.isShown = isShown
    hasProgress = !isShown && FileDescriptor.isTerminal(2)
  }

  mutating func sent(_ octets: ArraySlice<UInt8>, isSecret: Bool) {
    guard isShown, !isContent, !octets.isEmpty else { return }
    if isSecret {
      show("C: ", Array("(not shown)".utf8))
    } else {
      for line in octets.split(separator: 10) { show("C: ", Array(line)) }
    }
  }

  mutating func received(_ octets: ArraySlice<UInt8>) {
    guard isShown else { return }
    for octet in octets {
      if octet != 10, line.count < 2000 {
        line.append(octet)
      } else {
        show("S: ", line)
        line.removeAll()
      }
    }
  }

  func note(_ text: String) { if isShown { show("   ", Array("(\(text))".utf8)) } }

  mutating func endContent() {
    isContent = false
    if shown > 0 { FileDescriptor.print("\r\u{1B}[K", to: 2) }
    shown = 0
  }

  /// Says how much of the content has been sent, once that has taken a second, and then each second.
  mutating func progress(_ sent: Int, of size: Int) {
    if isShown, !isContent { show("C: ", Array("(\(size) octets of content)".utf8)) }
    guard hasProgress else { return }
    let now = Clock.monotonicMilliseconds()
    guard now - max(start, shown) > 1000 else { return }
    shown = now
    let percent = min(100, sent * 100 / max(1, size))
    FileDescriptor.print("\r\(percent)% of \(size / 1_000_000) MB\u{1B}[K", to: 2)
  }

  private func show(_ mark: String, _ text: [UInt8]) {
    let shown = text.filter { $0 != 13 }.map { 32...126 ~= $0 ? $0 : UInt8(ascii: "?") }
    FileDescriptor.print(mark + String(decoding: shown, as: UTF8.self) + "\n", to: 2)
  }
}
