// The variables of all programs. They share one file, so each of them finds variables there that it does not read; only
// those that no program reads are probably misspelt.

extension SettingsSource {
  /// Every variable. postern.env(5) describes them.
  static let known: [StaticString] = [
    // Sessions.
    "SMTP_HOSTNAME", "SMTP_MAIL_DIR", "SMTP_DOMAINS", "SMTP_BARE_LF", "SMTP_LOG_LEVEL",
    "SMTP_CONFINEMENT", "SMTP_MAX_SIZE", "SMTP_MAX_RECIPIENTS", "SMTP_MAX_ERRORS",
    "SMTP_MAX_MESSAGES", "SMTP_MAX_IDLE_COMMANDS", "SMTP_TIMEOUT", "SMTP_SESSION_TIMEOUT",
    "SMTP_MIN_RATE", "SMTP_GREETING_DELAY", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_PASSWD_FILE",
    "SMTP_CHECKPASSWORD", "SMTP_REQUIRE_AUTH", "SMTP_ALLOW_INSECURE_AUTH", "SMTP_AUTH_ANY",
    "SMTP_STARTTLS", "SMTP_MILTERS",
    // Where mail goes.
    "SMTP_RECIPIENTS", "SMTP_ALIASES", "SMTP_ROUTES", "SMTP_SENDERS", "SMTP_LISTS_DIR",
    "SMTP_QUEUE_DIR",
    // The queue and the client.
    "SMTP_SUBMIT_SOCKET", "SMTP_MAILQ_SOCKET", "SMTP_QUEUE_CONCURRENCY", "SMTP_QUEUE_LIFETIME",
    "SMTP_SMARTHOST",
    "SMTP_SMARTHOST_PASSWORD_FILE", "SMTP_CA_FILE", "SMTP_SEND_TIMEOUT", "SMTP_CONNECT_TIMEOUT",
    "SMTP_SEND_SESSION_TIMEOUT", "SMTP_EXEC_TIMEOUT", "SMTP_EXEC_MEMORY",
    "POSTERN_WEBHOOK_KEY_FILE",
    // deploy/run.
    "SMTP_PLAIN_ADDR", "SMTP_TLS_ADDR", "CERT_PATH", "KEY_PATH",
    // The email API, and the file itself.
    "POSTERN_API_INDEX_DIR", "POSTERN_API_OPEN", "POSTERN_API_ROOT", "POSTERN_HTTP_ADDR",
    "POSTERN_ENV_FILE",
  ]
}
