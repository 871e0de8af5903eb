// STARTTLS is an exec: this process becomes stunnel, in inetd mode on the same socket, and stunnel
// starts a fresh session behind TLS. All state of the session in clear text dies with the image.

import POSIX

struct StartTLS {
  private let program: String
  private let configuration: String

  /// Nil if there is no stunnel, or no such configuration.
  init?(configuration: String) {
    let programs = ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/usr/local/sbin"].flatMap {
      ["\($0)/stunnel4", "\($0)/stunnel"]
    }
    guard let program = programs.first(where: ChildProcess.isExecutable),
      (try? FileDescriptor.reading(configuration)) != nil
    else { return nil }
    self.program = program
    self.configuration = configuration
  }

  /// Becomes stunnel; returns only if that fails. In its environment a password in clear text is
  /// replaced by a hash of it, made for the occasion and cheap: who sees the one has seen the other.
  func replaceProcess(peer: Peer, hiding password: String?) -> Errno {
    var variables = peer.environment
    if let password {
      guard let hash = PasswordHash.make([UInt8](password.utf8), scheme: "$5$", cost: 1000) else {
        return .invalidArgument
      }
      variables["SMTP_PASSWORD"] = hash
    }
    return ChildProcess.replaceProcess(with: [program, configuration], setting: variables)
  }
}
