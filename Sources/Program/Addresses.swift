// Addresses on a command line.

public import SMTP

extension ReversePath {
  /// `<>` is nobody's, as is an empty word.
  public init(argument: String) throws(UsageError) {
    guard let path = ReversePath([UInt8]((argument == "<>" ? "" : argument).utf8)) else {
      throw UsageError(argument, "an address expected")
    }
    self = path
  }
}

extension Mailbox {
  public init(argument: String) throws(UsageError) {
    guard let mailbox = Mailbox([UInt8](argument.utf8)) else {
      throw UsageError(argument, "an address expected")
    }
    self = mailbox
  }
}
