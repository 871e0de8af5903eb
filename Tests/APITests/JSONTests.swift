import JSON
import Testing

struct JSONTests {
  private func read(_ text: String) -> Result<JSONValue, JSONError> {
    let octets = Array(text.utf8)
    do throws(JSONError) { return .success(try JSONValue(octets.span)) } catch {
      return .failure(error)
    }
  }

  /// The value written again, with its members in order.
  private func rewritten(_ text: [UInt8]) throws -> String {
    func append(_ value: JSONValue, _ json: inout JSONWriter) {
      switch value {
      case .null: json.null()
      case .bool(let value): json.bool(value)
      case .number(let number): json.number(number ?? -1)
      case .string(let string): json.string(string.utf8(in: text.span))
      case .array(let values):
        json.beginArray()
        for value in values { append(value, &json) }
        json.endArray()
      case .object(let members):
        json.beginObject()
        for member in members {
          json.key(member.name.utf8(in: text.span))
          append(member.value, &json)
        }
        json.endObject()
      }
    }
    var json = JSONWriter()
    append(try JSONValue(text.span), &json)
    return String(decoding: json.finish(), as: UTF8.self)
  }

  @Test(arguments: [
    ("{}", "{}"), (" [ ] ", "[]"), ("[1,-20,true,false,null]", "[1,-20,true,false,null]"),
    (#"{"a":{"b":[{}]},"c":"d"}"#, #"{"a":{"b":[{}]},"c":"d"}"#),
    (#""\"\\\/\b\f\n\r\t""#, #""\"\\/\u0008\u000c\n\r\t""#),
    (#""\u00e4\ud83d\ude00""#, #""ä😀""#), ("\"ä€😀\"", "\"ä€😀\""),
    // Go escapes these.
    (#""<a href='x'>&\u2028\u2029""#, #""\u003ca href='x'\u003e\u0026\u2028\u2029""#),
    // Half a surrogate pair.
    (#""\ud83d""#, #""�""#), (#""\ud83dx\ude00""#, #""�x�""#),
    // What stands behind the first value does not count.
    ("1 nonsense", "1"), ("[]]", "[]"), ("1.5", "-1"), ("1e3", "-1"),
    ("99999999999999999999", "-1"),
  ]) func isRead(text: String, expected: String) throws {
    #expect(try rewritten(Array(text.utf8)) == expected + "\n")
  }

  @Test func octetsThatAreNoTextAreReplaced() throws {
    for (octets, count) in [
      ([0xFF], 1), ([0xC0, 0x80], 2), ([0xED, 0xA0, 0x80], 3), ([0xE2, 0x82], 2),
      ([0xF4, 0x90, 0x80, 0x80], 4),
    ] as [([UInt8], Int)] {
      let text = [UInt8(ascii: "\"")] + octets + [UInt8(ascii: "\"")]
      let replaced = String(repeating: "\u{FFFD}", count: count)
      #expect(try rewritten(text) == "\"\(replaced)\"\n")
    }
  }

  @Test(arguments: [
    ("", JSONError.Reason.empty), ("  \n", .empty), ("{", .unfinished), ("[1,", .unfinished),
    ("\"a", .unfinished), ("tru", .unfinished), ("-", .unfinished), ("{\"a\"", .unfinished),
    ("\"\\u12", .unfinished), ("{a:1}", .unexpectedOctet), ("[1 2]", .unexpectedOctet),
    ("[,]", .unexpectedOctet), ("[1,]", .unexpectedOctet), ("{\"a\":1,}", .unexpectedOctet),
    ("'a'", .unexpectedOctet), ("\"\u{1}\"", .unexpectedOctet), ("\"\\x\"", .unexpectedOctet),
    ("\"\\uzzzz\"", .unexpectedOctet), ("+1", .unexpectedOctet), (".5", .unexpectedOctet),
    ("1.", .unfinished), ("1.x", .unexpectedOctet), ("nul!", .unexpectedOctet),
  ]) func isRefused(text: String, reason: JSONError.Reason) {
    guard case .failure(let error) = read(text) else {
      Issue.record("\(text) was read")
      return
    }
    #expect(error.reason == reason)
    #expect(error.offset <= text.utf8.count)
  }

  @Test func depthAndNumberAreBounded() {
    let deepest = JSONValue.maximumDepth
    let nested = String(repeating: "[", count: deepest) + String(repeating: "]", count: deepest)
    guard case .success = read(nested) else {
      Issue.record("a text of the greatest depth was not read")
      return
    }
    guard case .failure(let tooDeep) = read("[" + nested + "]") else {
      Issue.record("a deeper text was read")
      return
    }
    #expect(tooDeep.reason == .tooDeep)
    #expect(tooDeep.offset == deepest)
    let many = "[" + String(repeating: "1,", count: JSONValue.maximumValues) + "1]"
    guard case .failure(let error) = read(many) else {
      Issue.record("too many values were read")
      return
    }
    #expect(error.reason == .tooManyValues)
  }

  /// Whatever an octet is changed to, and wherever the text ends, reading ends with a value or an error.
  @Test func everyOctetMayBeWrong() {
    let text = Array(#"{"IDs":["a\u00e4","\ud83d\ude00"],"n":-12.5e+3,"t":[true,null,{}]}"#.utf8)
    var readable = 0
    for index in text.indices {
      for octet in UInt8.min...UInt8.max {
        var changed = text
        changed[index] = octet
        if isReadable(changed) { readable += 1 }
      }
      #expect(!isReadable(Array(text[..<index])))
    }
    #expect(text.count..<text.count * 256 ~= readable)
  }

  private func isReadable(_ text: [UInt8]) -> Bool {
    do throws(JSONError) {
      let value = try JSONValue(text.span)
      _ = value.member("ids", in: text.span)
      guard case .object(let members) = value else { return true }
      for member in members { _ = member.name.utf8(in: text.span) }
      return true
    } catch {
      return false
    }
  }

  @Test func keysAreFoundInAnyCase() throws {
    let text = Array(#"{"ids":1,"x":2,"I\u0044S":3,"Name":null}"#.utf8)
    let value = try JSONValue(text.span)
    #expect(value.member("ids", in: text.span) == .number(3))
    #expect(value.member("name", in: text.span) == nil)
    #expect(value.member("id", in: text.span) == nil)
    #expect(JSONValue.array([]).member("ids", in: text.span) == nil)
  }
}
