// Tries what a confined session must not be able to do. Only debug builds have this, for the tests.

#if DEBUG
  import CSystem

  public enum Trespass {
    /// Tries what `name` says, and returns how that ended.
    public static func attempt(_ name: String) -> String {
      do throws(SystemError) {
        switch name {
        case "read": _ = try FileDescriptor.reading("/etc/passwd")
        case "write": _ = try FileDescriptor.directory("/tmp").makeUnnamedFile()
        // Of the mail directory and the queue, which a session that relays has.
        case "read mail": _ = try FileDescriptor.reading("emails/secret")
        case "read queue": _ = try FileDescriptor.reading("queue/data/secret")
        case "link out of the queue": try link("queue/data/secret", to: "outside")
        case "link into the queue": try link("outside.eml", to: "queue/data/linked")
        case "make a directory":
          try once("mkdir") { unsafe mkdirat(AT_FDCWD, "queue/more", 0o700) }
        case "connect": try connectToDiscardPort()
        case "execute": throw ChildProcess.replaceProcess(with: ["/bin/true"], setting: [:])
        case "fork":
          _ = try ChildProcess.run(
            ["/bin/true"], feeding: [], to: 3, until: Deadline(inSeconds: 5))
        case "signal": try once("kill") { kill(getppid(), 0) }
        case "executable memory":
          // MAP_FAILED is -1.
          try once("mprotect") {
            unsafe Int(bitPattern: mmap(nil, 4096, exec, anonymous, -1, 0)) == -1 ? -1 : 0
          }
        case "memory made executable":
          guard let start = unsafe mmap(nil, 4096, PROT_READ, anonymous, -1, 0) else { break }
          try once("mprotect") { unsafe mprotect(start, 4096, exec) }
        case "descriptor's owner": try once("fcntl") { postern_set_owner(STDERR_FILENO) }
        default: return "unknown"
        }
      } catch {
        return error.description
      }
      return "succeeded"
    }

    /// Gives a file a second name. A capability that root has must not help.
    private static func link(_ old: String, to new: String) throws(SystemError) {
      try once("link") { unsafe linkat(AT_FDCWD, old, AT_FDCWD, new, 0) }
    }

    private static let exec = PROT_READ | PROT_EXEC
    private static let anonymous = MAP_PRIVATE | MAP_ANONYMOUS

    /// Makes a TCP connection to port 9 of this host, to see whether one can be made.
    private static func connectToDiscardPort() throws(SystemError) {
      let number = try retrying("socket") { socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0) }
      let descriptor = FileDescriptor(number)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(9).bigEndian
      address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
      try once("connect") {
        unsafe withUnsafeBytes(of: &address) { memory in
          unsafe connect(
            descriptor.number, memory.baseAddress!.assumingMemoryBound(to: sockaddr.self),
            socklen_t(memory.count))
        }
      }
    }
  }
#endif
