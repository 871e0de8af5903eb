// What may stand in a field of a message that is built. A value with CR, LF or NUL cannot be made, so that no
// value can end its field and begin another (header injection). Code that has such a value need not check it.

import Octets

/// Why a value cannot stand in a message.
public enum BuildError: Error, Equatable, Sendable {
  /// CR, LF or NUL, or octets that are not UTF-8.
  case notText
  /// Not the name of a field (RFC 5322 §2.2), of a media type or of a parameter.
  case notName
  /// Not `local-part@domain`.
  case notAddress
  /// Not `left@right` (RFC 5322 §3.6.4).
  case notMessageID
  case tooLong
}

/// Text of a field on one line, in any script: valid UTF-8 without CR, LF and NUL.
public struct FieldText: Equatable, Sendable {
  public let utf8: [UInt8]

  public init(_ utf8: [UInt8]) throws(BuildError) {
    guard utf8.span.isValidUTF8 else { throw .notText }
    for octet in utf8 where octet == 0 || octet == .lineFeed || octet == .carriageReturn {
      throw .notText
    }
    self.utf8 = utf8
  }

  /// What others have said: each octet that is not printable ASCII becomes `?`.
  public init(printable octets: [UInt8]) {
    utf8 = octets.map { 0x20...0x7E ~= $0 ? $0 : .question }
  }

  public var isASCII: Bool { utf8.span.firstNonASCII(from: 0, to: utf8.count) == utf8.count }

  init(_ text: StaticString) {
    var utf8: [UInt8] = []
    utf8.append(text)
    self.utf8 = utf8
  }
}

/// The name of a file in any script: one line of text of at most 255 octets, as file systems have it.
public struct FileName: Equatable, Sendable {
  public let utf8: [UInt8]

  public init(_ utf8: [UInt8]) throws(BuildError) {
    guard utf8.count <= 255 else { throw .tooLong }
    self.utf8 = try FieldText(utf8).utf8
  }
}

/// The name of a field: printable ASCII without colon, at most 76 octets.
public struct FieldName: Equatable, Sendable {
  public let octets: [UInt8]

  public init(_ octets: [UInt8]) throws(BuildError) {
    guard !octets.isEmpty, octets.count <= 76 else { throw .notName }
    for octet in octets where octet <= .space || octet >= 0x7F || octet == .colon { throw .notName }
    self.octets = octets
  }

  /// Whether the field is written with the body of a message.
  var isOfBody: Bool {
    let name = octets.span
    return name.hasPrefix("content-", at: 0) || name.matches("mime-version", in: 0..<name.count)
  }

  /// A name that is known to be one.
  init(_ name: StaticString) {
    var octets: [UInt8] = []
    octets.append(name)
    self.octets = octets
  }
}

/// A mailbox with a display name in any script.
public struct NamedAddress: Equatable, Sendable {
  /// Empty for none.
  public let name: FieldText
  /// `local-part@domain` without brackets, at most 320 octets; UTF-8 in it needs SMTPUTF8 (RFC 6531).
  public let address: [UInt8]

  public init(name: FieldText, address: [UInt8]) throws(BuildError) {
    guard address.count <= 320 else { throw .tooLong }
    guard address.span.isAddress() else { throw .notAddress }
    self.name = name
    self.address = address
  }

  /// A mailbox without a domain, as programs of one host write it: whoever takes the message completes it
  /// (`AddressCompletion`).
  public init(name: FieldText, localPart: [UInt8]) throws(BuildError) {
    guard localPart.count <= 320 else { throw .tooLong }
    guard (localPart + [.at, UInt8(ascii: "x")]).span.isAddress(isTolerant: true) else {
      throw .notAddress
    }
    self.name = name
    self.address = localPart
  }

  public init(address: [UInt8]) throws(BuildError) {
    try self.init(name: FieldText(""), address: address)
  }

  /// One that was read.
  public init(_ address: Address) throws(BuildError) {
    try self.init(name: FieldText(address.name), address: address.address)
  }

  /// One of an envelope. Servers accept senders that may not stand in a field: with dots anywhere in the local part or at
  /// the end of the domain.
  public init(name: FieldText? = nil, ofEnvelope address: [UInt8]) throws(BuildError) {
    guard address.count <= 320 else { throw .tooLong }
    guard address.span.isAddress(isTolerant: true) else { throw .notAddress }
    self.name = name ?? FieldText("")
    self.address = address
  }

  /// Whether the address is ASCII; if not, only SMTPUTF8 carries a message that has it.
  public var isASCII: Bool {
    address.span.firstNonASCII(from: 0, to: address.count) == address.count
  }
}

/// What stands between the brackets of Message-ID, In-Reply-To, References and Content-ID.
public struct MessageIdentifier: Equatable, Sendable {
  public let octets: [UInt8]

  /// `left@right`, at most 500 octets of printable ASCII without brackets and spaces. `allowsSingleWord` takes any word,
  /// as many programs make Content-IDs.
  public init(_ octets: [UInt8], allowsSingleWord: Bool = false) throws(BuildError) {
    guard octets.count <= 500 else { throw .tooLong }
    if allowsSingleWord {
      guard !octets.isEmpty else { throw .notMessageID }
    } else {
      guard let at = octets.firstIndex(of: .at), at > 0, at < octets.count - 1 else {
        throw .notMessageID
      }
    }
    for octet in octets
    where octet <= .space || octet >= 0x7F || octet == UInt8(ascii: "<")
      || octet == UInt8(ascii: ">")
    {
      throw .notMessageID
    }
    self.octets = octets
  }
}

/// A media type without parameters, such as `image/png`, at most 127 octets.
public struct MediaTypeName: Equatable, Sendable {
  public let octets: [UInt8]

  public init(_ octets: [UInt8]) throws(BuildError) {
    guard octets.count <= 127 else { throw .tooLong }
    guard let slash = octets.firstIndex(of: UInt8(ascii: "/")), slash > 0, slash < octets.count - 1
    else { throw .notName }
    for index in octets.indices where index != slash {
      guard octets[index].isToken else { throw .notName }
    }
    self.octets = octets
  }

  init(_ name: StaticString) {
    var octets: [UInt8] = []
    octets.append(name)
    self.octets = octets
  }
}

extension UInt8 {
  /// What a `token` of RFC 2045 §5.1 is made of.
  var isToken: Bool {
    switch self {
    case UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "?"): false
    case UInt8(ascii: "."): true
    default: isAtomText
    }
  }
}

extension Span<UInt8> {
  /// `addr-spec` of RFC 5322 §3.4.1 without comments and folds, with the UTF-8 of RFC 6532 §3.2. If `isTolerant`, dots
  /// may stand anywhere in a local part and at the end of a domain.
  fileprivate func isAddress(isTolerant: Bool = false) -> Bool {
    guard isValidUTF8 else { return false }
    var index = 0
    if count > 0, self[0] == .quote {
      index = 1
      while index < count, self[index] != .quote {
        if self[index] == .backslash { index += 1 }
        guard index < count, self[index] >= .space, self[index] != 0x7F else { return false }
        index += 1
      }
      index += 1
    } else {
      guard let end = words(from: 0, isTolerant) else { return false }
      index = end
    }
    guard index < count - 1, self[index] == .at else { return false }
    index += 1
    guard self[index] == UInt8(ascii: "[") else {
      let end = words(from: index, false)
      return end == count || isTolerant && end == count - 1 && self[count - 1] == UInt8(ascii: ".")
    }
    guard count - index > 2 else { return false }
    for inner in index + 1..<count - 1 {
      let octet = self[inner]
      guard
        octet.isLetterOrDigit || octet == .colon || octet == .hyphen || octet == UInt8(ascii: ".")
      else { return false }
    }
    return self[count - 1] == UInt8(ascii: "]")
  }

  /// The end of words with dots between them, or with dots anywhere.
  private func words(from start: Int, _ allowsDots: Bool) -> Int? {
    var index = start
    while true {
      let word = index
      while index < count, self[index].isAtomText || self[index] >= 0x80 { index += 1 }
      let isEnd = index == count || self[index] != UInt8(ascii: ".")
      if index == word, !allowsDots { return index == count && word > start ? index - 1 : nil }
      if isEnd { return index > start ? index : nil }
      index += 1
    }
  }
}
