// What a confined session must not be able to do, tried: in debug builds only, for the tests.

#if DEBUG
  import POSIX

  enum Trespass {
    /// Tries what `name` says and logs how that ended.
    static func attempt(_ name: String?, _ log: Log) {
      guard let name else { return }
      log.write(.notice, "trespass") { line in
        line.add("attempt", name)
        line.add("result", result(name))
      }
    }

    private static func result(_ name: String) -> String {
      do throws(Errno) {
        switch name {
        case "read": _ = try FileDescriptor.reading("/etc/passwd")
        case "write": _ = try FileDescriptor.directory("/tmp").makeUnnamedFile()
        case "connect": try FileDescriptor.connectToDiscardPort()
        case "execute": throw ChildProcess.replaceProcess(with: ["/bin/true"], setting: [:])
        case "fork":
          _ = try ChildProcess.run(
            ["/bin/true"], feeding: [], to: 3, without: [], until: Deadline(inSeconds: 5))
        default: return "unknown"
        }
      } catch {
        return error.description
      }
      return "succeeded"
    }
  }
#endif
