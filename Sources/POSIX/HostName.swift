// What this host's mail is from, as Debian's policy has it (§11.6): the file /etc/mailname.

public enum HostName {
  /// The first word of /etc/mailname; nil if there is none.
  public static var ofMail: [UInt8]? {
    guard let file = try? FileDescriptor.reading("/etc/mailname"),
      let content = try? file.readAll(limit: 4096)
    else { return nil }
    return content.split(whereSeparator: { $0 <= 32 }).first.map { Array($0) }
  }
}
