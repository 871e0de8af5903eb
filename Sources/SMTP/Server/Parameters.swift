// The parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531),
// AUTH (RFC 4954 §5), and RET, ENVID, NOTIFY and ORCPT (RFC 3461 §4). Each may be given once.

import Octets

/// The parameters of a MAIL command.
struct MailParameters {
  private(set) var isBinary = false
  private(set) var isUTF8 = false
  private(set) var deliveryStatus = Envelope.DeliveryStatus()
  private var hasSize = false
  private var hasBody = false
  private var hasIdentity = false

  /// Takes one parameter; returns the reply that refuses it, or nil if it is accepted.
  mutating func take(
    _ parameter: Parameter, _ line: Span<UInt8>, _ configuration: Configuration,
    takesDeliveryStatus: Bool
  ) -> Reply? {
    let keyword = parameter.keyword
    if line.matches("size", in: keyword) {
      guard !hasSize, let value = parameter.value, value.count <= 20,
        let size = Int(decimal: line.extracting(value))
      else { return .parameterSyntax }
      hasSize = true
      return size > configuration.maximumSize ? .tooBig : nil
    }
    if line.matches("body", in: keyword) {
      guard !hasBody, let value = parameter.value else { return .parameterSyntax }
      hasBody = true
      isBinary = line.matches("binarymime", in: value)
      let isKnown =
        isBinary || line.matches("7bit", in: value) || line.matches("8bitmime", in: value)
      return isKnown ? nil : .parameterSyntax
    }
    if line.matches("smtputf8", in: keyword) {
      guard !isUTF8, parameter.value == nil else { return .parameterSyntax }
      isUTF8 = true
      return nil
    }
    if configuration.hasAuthentication, line.matches("auth", in: keyword) {
      // The sender's identity, as another server claims: its syntax is checked, and it is ignored.
      guard !hasIdentity, let value = parameter.value, isXtext(line.extracting(value)) else {
        return .parameterSyntax
      }
      hasIdentity = true
      return nil
    }
    guard takesDeliveryStatus else { return .unknownParameter }
    if line.matches("ret", in: keyword) {
      guard deliveryStatus.returned == nil, let value = parameter.value else {
        return .parameterSyntax
      }
      if line.matches("full", in: value) {
        deliveryStatus.returned = .full
      } else if line.matches("hdrs", in: value) {
        deliveryStatus.returned = .headers
      } else {
        return .parameterSyntax
      }
      return nil
    }
    if line.matches("envid", in: keyword) {
      guard deliveryStatus.envelopeID == nil, let value = parameter.value, value.count <= 100,
        isXtext(line.extracting(value))
      else { return .parameterSyntax }
      deliveryStatus.envelopeID = line.copy(value)
      return nil
    }
    return .unknownParameter
  }
}

/// The parameters of a RCPT command.
struct RecipientParameters {
  private(set) var deliveryStatus = Recipient.DeliveryStatus()

  /// Takes one parameter; returns the reply that refuses it, or nil if it is accepted.
  mutating func take(
    _ parameter: Parameter, _ line: Span<UInt8>, takesDeliveryStatus: Bool
  ) -> Reply? {
    guard takesDeliveryStatus else { return .unknownParameter }
    if line.matches("notify", in: parameter.keyword) {
      guard deliveryStatus.notify == nil, let value = parameter.value,
        let notify = line.notify(value)
      else { return .parameterSyntax }
      deliveryStatus.notify = notify
      return nil
    }
    if line.matches("orcpt", in: parameter.keyword) {
      guard deliveryStatus.originalRecipient == nil, let value = parameter.value,
        value.count <= 500, line.isTypedAddress(value)
      else { return .parameterSyntax }
      deliveryStatus.originalRecipient = line.copy(value)
      return nil
    }
    return .unknownParameter
  }
}

extension Span<UInt8> {
  /// `NEVER`, or a list of `SUCCESS`, `FAILURE` and `DELAY` separated by commas.
  fileprivate func notify(_ range: Range<Int>) -> Recipient.Notify? {
    if matches("never", in: range) { return [] }
    var notify: Recipient.Notify = []
    var index = range.lowerBound
    while true {
      var end = index
      while end < range.upperBound, self[end] != UInt8(ascii: ",") { end += 1 }
      let word = index..<end
      if matches("success", in: word) {
        notify.insert(.success)
      } else if matches("failure", in: word) {
        notify.insert(.failure)
      } else if matches("delay", in: word) {
        notify.insert(.delay)
      } else {
        return nil
      }
      if end == range.upperBound { return notify }
      index = end + 1
    }
  }
}
