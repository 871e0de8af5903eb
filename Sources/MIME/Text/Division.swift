// Which parts of a message people read, and which they save.
//
// The parts of a multipart are shown one after the other; of a multipart/alternative one is chosen. So a letter has two
// readings: as text, and as HTML if there is any. In the HTML a text part stands as it is (the footer of a list); in the
// text an HTML part stands as what it says, but not where a text part has come in front of it, which many programs mean
// as its other reading.
//
// What is no text, no HTML and no picture that the HTML shows is an attachment, whatever its disposition; and so is
// what asks to be one. A part of a message that is attached belongs to that message.

import Octets

struct Division {
  /// The parts of the reading as text, text/plain or text/html.
  private(set) var textParts: [Int] = []
  /// The parts of the reading as HTML; empty if none of them is HTML.
  private(set) var htmlParts: [Int] = []
  private(set) var inlineParts: [Int] = []
  private(set) var attachments: [Int] = []

  private let parts: [Part]
  private var children: [[Int]] = []

  init(_ structure: Structure, _ octets: Span<UInt8>) {
    parts = structure.parts
    children = [[Int]](repeating: [], count: parts.count)
    for (index, part) in parts.enumerated() {
      if let parent = part.parent { children[parent].append(index) }
    }
    textParts = reading(0, asHTML: false)
    htmlParts = reading(0, asHTML: true)
    if !htmlParts.contains(where: { parts[$0].kind == .textHTML }) { htmlParts = [] }
    divide(octets)
  }

  /// The parts inside `index` that are read, in order. (A message has few levels: `Limits.depth`.)
  private func reading(_ index: Int, asHTML: Bool) -> [Int] {
    let part = parts[index]
    switch part.kind {
    case .textPlain, .textHTML: return part.disposition == .attachment ? [] : [index]
    // Alone, it is shown.
    case .textOther: return index == 0 && part.disposition != .attachment ? [0] : []
    case .multipartAlternative: return choice(index, asHTML: asHTML)
    case .multipartRelated, .multipartDigest, .multipartOther:
      var read: [Int] = []
      var hasText = false
      for (place, child) in children[index].enumerated() {
        // Behind the first, what has a Content-ID is for the first to show (RFC 2387).
        if part.kind == .multipartRelated, place > 0, parts[child].contentID != nil { continue }
        let these = reading(child, asHTML: asHTML)
        let isText = these.contains { parts[$0].kind != .textHTML }
        if !asHTML, hasText, !isText { continue }
        hasText = hasText || isText
        read += these
      }
      return read
    case .message, .messageOther, .other: return []
    }
  }

  /// Of a multipart/alternative, the last part with HTML; as text, the first part with text and no HTML, else with any.
  private func choice(_ index: Int, asHTML: Bool) -> [Int] {
    var readings = children[index].map { reading($0, asHTML: asHTML) }
    readings.removeAll { $0.isEmpty }
    func has(_ isHTML: Bool, _ reading: [Int]) -> Bool {
      reading.contains { (parts[$0].kind == .textHTML) == isHTML }
    }
    let chosen =
      asHTML
      ? readings.last { has(true, $0) } ?? readings.first
      : readings.first { !has(true, $0) } ?? readings.first { has(false, $0) } ?? readings.first
    return chosen ?? []
  }

  /// Sorts what is not read.
  private mutating func divide(_ octets: Span<UInt8>) {
    var isRead = [Bool](repeating: false, count: parts.count)
    for index in textParts + htmlParts { isRead[index] = true }
    let pictures = shownPictures(octets)
    // Parts stand in front of what they contain, so that a part is known to be inside an attached message.
    var isInside = [Bool](repeating: false, count: parts.count)
    for index in parts.indices {
      let part = parts[index]
      if let parent = part.parent {
        isInside[index] = isInside[parent] || parts[parent].kind == .message
      }
      guard !isInside[index], !part.kind.isMultipart else { continue }
      let isInAlternative = part.parent.map { parts[$0].kind == .multipartAlternative } ?? false
      if part.disposition == .attachment {
        attachments.append(index)
      } else if pictures[index] {
        inlineParts.append(index)
      } else if isRead[index] {
        if part.kind == .textOther, part.isFile(octets) {
          attachments.append(index)
        } else if part.parent != nil, part.fileName(in: octets) != nil {
          inlineParts.append(index)
        }
      } else if isInAlternative, part.kind.isText, !part.isFile(octets) {
        // Another reading, which is not chosen.
        inlineParts.append(index)
      } else {
        attachments.append(index)
      }
    }
  }

  /// For each part, whether it is a picture to which the HTML refers.
  private func shownPictures(_ octets: Span<UInt8>) -> [Bool] {
    var isShown = [Bool](repeating: false, count: parts.count)
    var pictures: [[UInt8]: Int] = [:]
    for index in parts.indices
    where parts[index].contentID != nil && parts[index].isPicture(octets) {
      guard let identifier = parts[index].contentID(in: octets), pictures[identifier] == nil else {
        continue
      }
      pictures[identifier] = index
    }
    guard !pictures.isEmpty else { return isShown }
    for index in htmlParts where parts[index].kind == .textHTML {
      let html = parts[index].text(in: octets, limit: Limits.html).utf8
      var references = ContentReferenceReader()
      while let reference = references.next(html.span) {
        if let picture = pictures[reference.identifier] { isShown[picture] = true }
      }
    }
    return isShown
  }
}

extension Part {
  func isPicture(_ octets: Span<UInt8>) -> Bool {
    guard kind == .other, let contentType, let type = MediaType(octets, contentType) else {
      return false
    }
    return octets.matches("image", in: type.type)
  }

  /// Whether it is a kind of text that programs read, not people.
  fileprivate func isFile(_ octets: Span<UInt8>) -> Bool {
    guard kind == .textOther, let contentType, let type = MediaType(octets, contentType) else {
      return false
    }
    let files: [10 of StaticString] = [
      "calendar", "csv", "tab-separated-values", "vcard", "x-vcard", "directory", "xml", "css",
      "javascript", "rtf",
    ]
    for index in files.indices where octets.matches(files[index], in: type.subtype) { return true }
    return false
  }
}
