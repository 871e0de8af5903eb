// STARTTLS by exec(3): this process executes stunnel, in inetd mode on the same socket, and stunnel starts a new session
// behind TLS. The state of the old session is lost by this, so nothing that was sent in clear text can have an effect
// under TLS.

import POSIX
import SMTP

public struct StartTLS {
  private let program: String
  private let configuration: String

  /// Why STARTTLS is not possible.
  public struct Impossibility: Error {
    public let reason: String
  }

  private static let folders = ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/usr/local/sbin"]

  public init(configuration: String) throws(Impossibility) {
    let programs = Self.folders.flatMap { ["\($0)/stunnel4", "\($0)/stunnel"] }
    guard let program = programs.first(where: ChildProcess.isExecutable) else {
      throw Impossibility(reason: "stunnel is not installed")
    }
    do throws(SystemError) { _ = try FileDescriptor.reading(configuration) } catch {
      throw Impossibility(reason: error.description)
    }
    self.program = program
    self.configuration = configuration
  }

  /// Octets that a configuration may have.
  private static let limit = 1 << 20

  /// Throws if stunnel could not read its certificate or its key, which it does as the session's user.
  public func check() throws(Impossibility) {
    let content: [UInt8]?
    do throws(SystemError) {
      content = try FileDescriptor.reading(configuration).readAll(limit: Self.limit)
    } catch {
      throw Impossibility(reason: error.description)
    }
    var hasCertificate = false
    for line in (content ?? []).split(separator: UInt8(ascii: "\n")) {
      guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { continue }
      func word(_ octets: ArraySlice<UInt8>) -> String {
        String(decoding: octets.filter { $0 != 32 && $0 != 9 && $0 != 13 }, as: UTF8.self)
      }
      let (option, path) = (word(line[..<equals]), word(line[(equals + 1)...]))
      switch option {
      case "cert", "key":
        hasCertificate = true
        // A key may be in a token, too.
        if path.hasPrefix("pkcs11:") { continue }
        do throws(SystemError) { _ = try FileDescriptor.reading(path) } catch {
          throw Impossibility(reason: "\(option) = \(path): \(error)")
        }
      case "PSKsecrets", "include": hasCertificate = true
      default: break
      }
    }
    if !hasCertificate {
      throw Impossibility(reason: "no certificate (cert = FILE) in the configuration of stunnel")
    }
  }

  /// Executes stunnel, and returns only if that fails.
  func replaceProcess(setting variables: [String: String?]) -> SystemError {
    ChildProcess.replaceProcess(with: [program, configuration], setting: variables)
  }
}

extension Conversation {
  /// Prepares the handover to stunnel, which happens after the reply has been sent, when the session ends.
  mutating func startTLS() {
    let target = service.startTLS.flatMap { try? StartTLS(configuration: $0) }
    if target == nil {
      log.write(.error, "failure") { line in
        line.add("reason", "no stunnel, or its configuration cannot be read")
        line.add("configuration", service.startTLS ?? "")
      }
    }
    session.startTLS(isPossible: target != nil, into: &output)
    handover = target
  }
}
