// Fuzzes the PROXY header: no more is asked for than a header may have, and what is found is the same
// however it comes.

import PROXY

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzProxy(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
  var brought = 0
  while true {
    let finding = ProxyHeader.parse(input.span.extracting(first: brought))
    guard case .needOctets(let more) = finding else {
      return 0
    }
    precondition(more > 0 && brought + more <= 16 + 4096)
    if brought + more > input.count { return 0 }
    brought += more
  }
}
