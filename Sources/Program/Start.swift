// How a program begins, what it answers by itself, and how it ends where it cannot begin.

import POSIX
public import Settings

extension Synopsis {
  /// Reads the arguments of this process. Answers --help and --version, and what it does not understand, and then ends.
  public func start() -> CommandLine {
    Signals.letFileSizeBeAnError()
    do throws(UsageError) {
      let line = try CommandLine(Process.arguments.dropFirst(), self)
      answer(line)
      return line
    } catch {
      end(error)
    }
  }

  /// Ends the process if the line asks for help or the version.
  public func answer(_ line: CommandLine) {
    switch line.request {
    case .help: FileDescriptor.print(help, to: 1)
    case .version: FileDescriptor.print("\(program) \(Version.text)\n", to: 1)
    case .run, .check: return
    }
    Process.exit(.success)
  }

  public func end(_ error: UsageError) -> Never {
    FileDescriptor.print(error.text(of: program) + "\n", to: 2)
    Process.exit(.usage)
  }

  public func end(_ error: SettingsError) -> Never {
    complain(error.description)
    Process.exit(.configuration)
  }

  /// A line on standard error.
  public func complain(_ text: String) { FileDescriptor.print("\(program): \(text)\n", to: 2) }

  /// Answers --check: reads the settings with `read`, and has `examine` look for what cannot work with them, as the owner
  /// of the directories that `owned` names, if this process is root's.
  public func check<Settings>(
    _ line: CommandLine, mayBeUnreadable: Bool = false,
    reading read: (inout SettingsSource) throws(SettingsError) -> Settings,
    owned: (Settings) -> [String] = { _ in [] },
    examining examine: (Settings, inout Findings) -> Void
  ) -> Never {
    var findings = Findings(program: program)
    do throws(SettingsError) {
      var source = try SettingsSource(
        option: line.environmentFile, isReporting: true, mayBeUnreadable: mayBeUnreadable)
      let settings: Settings
      do throws(SettingsError) { settings = try read(&source) } catch {
        findings.take(source)
        throw error
      }
      findings.take(source)
      do throws(Owner.Refusal) {
        try Owner.become(of: owned(settings))
        examine(settings, &findings)
      } catch {
        findings.complain("rights", error.reason)
      }
    } catch {
      findings.take(error)
    }
    if line.isJSON {
      FileDescriptor.print(String(decoding: findings.json, as: UTF8.self), to: 1)
    } else {
      FileDescriptor.print(findings.text, to: 1)
    }
    Process.exit(findings.hasProblems ? .configuration : .success)
  }
}
