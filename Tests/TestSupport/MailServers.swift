// postern-send as it is built, and servers that it is tried with: some that follow a script, some that do worse,
// some on addresses of their own, and a name server that leads to them.

import Foundation

package enum PosternSend {
  package static let message = "Subject: test\r\n\r\nHello.\r\n.dots..\r\n"

  /// Runs it with a message on standard input, for a minute at most. A debug build has settings for tests.
  package static func run(
    _ arguments: [String], in folder: Scratch = Scratch(), environment: [String: String] = [:],
    debug: Bool = false, message: some Sequence<UInt8> = PosternSend.message.utf8
  ) -> Outcome {
    let program =
      debug ? Command.builtForDebugging("postern-send") : Command.built("postern-send")
    return Command.run(
      ["timeout", "60", program] + arguments, in: folder,
      environment: ["SMTP_HOSTNAME": "client.example"].merging(environment) { _, own in own },
      input: message)
  }
}

/// A server in Python. The program prints a line when it listens.
package final class PythonServer {
  package let folder = Scratch()
  private let process: RunningProcess

  package init(_ code: String, _ arguments: [String] = []) {
    process = Command.start(["python3", "-uc", code] + arguments, in: folder)
    let file = folder.path + "/stdout"
    _ = Server.wait { FileManager.default.contents(atPath: file)?.contains(10) == true }
  }

  /// The lines that it has printed.
  package var lines: [String] {
    text("stdout").split(separator: "\n").map(String.init)
  }

  /// What it has written to standard error.
  package var log: String { text("stderr") }

  /// Its first line, which is a port.
  package var port: String { lines.first ?? "0" }

  private func text(_ name: String) -> String {
    String(
      decoding: FileManager.default.contents(atPath: folder.path + "/" + name) ?? Data(),
      as: UTF8.self)
  }

  deinit {
    process.terminate()
    _ = process.wait()
  }
}

extension PythonServer {
  /// A server that says the same in each connection: a line of `script` to each command, with `|` between
  /// lines. `-` is nothing and the end. What has come is in the log.
  package convenience init(script: String) {
    self.init(
      """
      import socket, sys, threading
      script = sys.argv[1].encode().decode('unicode_escape').encode('latin-1').split(b'|')
      listener = socket.socket()
      listener.bind(('127.0.0.1', 0))
      listener.listen()
      print(listener.getsockname()[1], flush=True)
      def serve(connection):
        reader = connection.makefile('rb')
        log = []
        try:
          for number, reply in enumerate(script):
            if number > 0:
              line = reader.readline()
              if script[number - 1].startswith(b'354'):
                while line not in (b'.\\r\\n', b''):
                  log.append(line)
                  line = reader.readline()
              if not line: break
              log.append(line)
            if reply == b'-': break
            if reply: connection.sendall(reply + b'\\r\\n')
          else:
            while reader.readline(): pass
        except ConnectionError: pass
        print(b''.join(log).decode('latin-1'), file=sys.stderr, flush=True)
        connection.shutdown(2)
      while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
      """, [script])
  }

  /// A server that does `behaviour` with one connection, for which there are `connection` and `reader`.
  package convenience init(behaviour: String) {
    self.init(
      """
      import socket, sys, time
      listener = socket.socket()
      listener.bind(('127.0.0.1', 0))
      listener.listen()
      print(listener.getsockname()[1], flush=True)
      connection = listener.accept()[0]
      reader = connection.makefile('rb')
      try:
        \(behaviour.split(separator: "\n").joined(separator: "\n  "))
      except ConnectionError: pass
      """)
  }

  /// Mail servers on addresses of loopback, all on the same port, and what each does: `good` takes everything,
  /// `refusing` no recipient, `greylisting` none now; `lying` greets with 554, `closing` closes at once,
  /// `black` never answers a connection, `echoing` greets the client with its own name. An address without an
  /// entry refuses connections.
  package convenience init(hosts: [String: String]) {
    self.init(
      """
      import socket, sys, threading
      def serve(address, behaviour, connection):
        print(address, flush=True)
        reader = connection.makefile('rb')
        def say(text): connection.sendall(text.encode() + b'\\r\\n')
        try:
          if behaviour == 'closing': return connection.close()
          say('554 5.7.0 no' if behaviour == 'lying' else '220 x')
          while line := reader.readline():
            verb = line[:4].upper()
            if verb == b'EHLO' and behaviour == 'echoing': say('250 client.example hello')
            elif verb == b'RCPT' and behaviour == 'refusing': say('550 5.1.1 nobody')
            elif verb == b'RCPT' and behaviour == 'greylisting': say('450 4.7.1 later')
            elif verb == b'QUIT':
              print(address, 'QUIT', flush=True)
              say('221 2.0.0 bye')
            elif verb == b'DATA':
              say('354 go')
              while reader.readline() not in (b'.\\r\\n', b''): pass
              say('250 2.0.0 taken by ' + address)
            else: say('250 ok')
        except OSError: pass
      def accept(address, behaviour, listener):
        while True:
          threading.Thread(target=serve, args=(address, behaviour, listener.accept()[0])).start()
      listeners, waiting, port = [], [], 0
      for argument in sys.argv[1:]:
        address, behaviour = argument.split('=')
        listener = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        port = listener.getsockname()[1]
        if behaviour == 'black':
          # Connections that nobody accepts fill the queue; the kernel does not answer others.
          listener.listen(0)
          for _ in range(3):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex((address, port))
            waiting += [listener, client]
          continue
        listener.listen()
        listeners.append((address, behaviour, listener))
      print(port, flush=True)
      for one in listeners: threading.Thread(target=accept, args=one).start()
      """, hosts.map { "\($0)=\($1)" })
  }

  /// The addresses that were connected to.
  package var connections: [String] { lines.dropFirst().filter { !$0.hasSuffix(" QUIT") } }
  /// The addresses that have got QUIT.
  package var farewells: [String] {
    lines.dropFirst().filter { $0.hasSuffix(" QUIT") }.map { String($0.dropLast(5)) }
  }
}

/// dnsmasq with records, and with the options given.
package final class NameServer {
  private let folder = Scratch()
  package let port: UInt16
  private let process: RunningProcess

  package static var isInstalled: Bool { Command.exists("dnsmasq") }

  package init(_ records: [String]) {
    let port = Server.freePort()
    self.port = port
    process = Command.start(
      [
        "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
        "--port=\(port)", "--listen-address=127.0.0.1", "--bind-interfaces", "--log-facility=-",
        "--log-queries", "--pid-file", "--local=/example/", "--user=root",
      ] + records, in: folder)
    _ = Server.wait {
      Command.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port)"], in: Scratch()).status == 0
    }
  }

  /// What was asked.
  package var log: String {
    String(
      decoding: FileManager.default.contents(atPath: folder.path + "/stderr") ?? Data(),
      as: UTF8.self)
  }

  deinit {
    process.terminate()
    _ = process.wait()
  }
}
