// The file NAME.conf beside NAME.csv, in the syntax of postern.env(5). All keys are optional, and so is the file.

public import Lists
import MIME
import SMTP
public import Settings

extension ListSettings {
  public init(_ source: inout SettingsSource) throws(SettingsError) {
    self.init()
    func text(_ name: StaticString) throws(SettingsError) -> FieldText {
      try source.read(name, default: "", "one line of text") { try? FieldText([UInt8]($0.utf8)) }
    }
    description = try text("description")
    owners = try source.read("owner", default: "", "addresses, comma or space between") { value in
      let words = value.utf8.split { $0 == UInt8(ascii: ",") || $0 == 32 || $0 == 9 }
      let mailboxes = words.compactMap { Mailbox(Array($0)) }
      return mailboxes.count == words.count ? mailboxes : nil
    }
    post = try source.read("post", default: "members", "anyone, members or moderated") {
      PostPolicy(rawValue: $0)
    }
    prefix = try text("prefix")
    footer = try source.read("footer", default: "", "text without control characters") {
      $0.utf8.allSatisfy { $0 >= 32 && $0 != 127 } ? $0 : nil
    }
    usesVERP = try source.bool("verp")
    from = try source.read("from", default: "keep", "keep, rewrite or auto") {
      FromPolicy(rawValue: $0)
    }
    url = try source.read("url", default: "", "https://HOST/PATH") { value in
      var octets = [UInt8](value.utf8)
      if octets.isEmpty { return .some(nil) }
      while octets.last == UInt8(ascii: "/") { octets.removeLast() }
      let isURL =
        octets.starts(with: "https://".utf8) && 9...200 ~= octets.count
        && octets.allSatisfy {
          33...126 ~= $0 && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">")
            && $0 != UInt8(ascii: ",")
        }
      return isURL ? .some(octets) : nil
    }
  }
}
