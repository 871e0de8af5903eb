// What a confined session must not be able to do, tried: in debug builds only, for the tests.

#if DEBUG
  import CSystem

  public enum Trespass {
    /// Tries what `name` says, and gives how that ended.
    public static func attempt(_ name: String) -> String {
      do throws(Errno) {
        switch name {
        case "read": _ = try FileDescriptor.reading("/etc/passwd")
        case "write": _ = try FileDescriptor.directory("/tmp").makeUnnamedFile()
        case "connect": try connectToDiscardPort()
        case "execute": throw ChildProcess.replaceProcess(with: ["/bin/true"], setting: [:])
        case "fork":
          _ = try ChildProcess.run(
            ["/bin/true"], feeding: [], to: 3, without: [], until: Deadline(inSeconds: 5))
        case "signal": try once { kill(getppid(), 0) }
        default: return "unknown"
        }
      } catch {
        return error.description
      }
      return "succeeded"
    }

    /// Makes a TCP connection to port 9 of this host, to see whether one can be made.
    private static func connectToDiscardPort() throws(Errno) {
      let number = try retrying { socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0) }
      let descriptor = FileDescriptor(number)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(9).bigEndian
      address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
      try once {
        unsafe withUnsafeBytes(of: &address) { memory in
          unsafe connect(
            descriptor.number, memory.baseAddress!.assumingMemoryBound(to: sockaddr.self),
            socklen_t(memory.count))
        }
      }
    }
  }
#endif
