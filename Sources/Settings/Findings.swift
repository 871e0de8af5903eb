// What `--check` has found, in the same form for every program: as lines of text for people, as JSON for scripts.
//
//     SMTP_HOSTNAME=mail.example.org	# environment
//     # file: /etc/postern/postern.env
//     # aliases: 12
//     # lists: error: /srv/lists: No such file or directory
//
// A malformed value is the only line: nothing is known then of what comes behind it.

import JSON

public struct Findings {
  private let program: String
  private var settings: [Setting] = []
  private var file: String?
  private var remarks: [String] = []
  private var malformed: SettingsError?
  private var facts: [Fact] = []

  private enum Weight {
    case note
    case warning
    case problem
  }

  private struct Fact {
    let weight: Weight
    let about: String
    let text: String
  }

  public init(program: String) { self.program = program }

  /// Whether something cannot work.
  public var hasProblems: Bool { malformed != nil || facts.contains { $0.weight == .problem } }

  /// Takes what has been read so far.
  public mutating func take(_ source: SettingsSource) {
    (settings, file, remarks) = (source.report, source.path, source.remarks)
  }

  public mutating func take(_ error: SettingsError) { malformed = error }

  /// What somebody may want to know.
  public mutating func note(_ about: String, _ text: String) {
    facts.append(Fact(weight: .note, about: about, text: text))
  }

  /// What is probably not meant.
  public mutating func warn(_ about: String, _ text: String) {
    facts.append(Fact(weight: .warning, about: about, text: text))
  }

  /// What cannot work.
  public mutating func complain(_ about: String, _ text: String) {
    facts.append(Fact(weight: .problem, about: about, text: text))
  }

  /// What can be said of a directory that is written: `fault` is why that is not possible; nil if it is.
  public mutating func note(_ about: String, _ path: String, fault: String?) {
    if let fault {
      complain(about, "\(path) cannot be written: \(fault)")
    } else {
      note(about, "can be written")
    }
  }

  /// Lines of text.
  public var text: String {
    if let malformed { return "\(malformed)\n" }
    var text = ""
    for setting in settings {
      text += "\(setting.name)=\(setting.value)\t# \(setting.origin.name)\n"
    }
    for remark in remarks { text += "# \(remark)\n" }
    text += "# file: \(file ?? "none")\n"
    for fact in facts {
      text += "# \(fact.about): "
      switch fact.weight {
      case .note: break
      case .warning: text += "warning: "
      case .problem: text += "error: "
      }
      text += "\(fact.text)\n"
    }
    return text
  }

  /// The same as an object. `malformed` is null if all values are well, and the settings are all of the program's.
  public var json: [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("program", [UInt8](program.utf8))
    writer.key("file")
    if let file { writer.string([UInt8](file.utf8)) } else { writer.null() }
    writer.key("settings")
    writer.beginObject()
    for setting in settings {
      writer.key(setting.name)
      writer.beginObject()
      writer.member("value", [UInt8](setting.value.utf8))
      writer.member("origin", setting.origin.name)
      writer.endObject()
    }
    writer.endObject()
    writer.key("malformed")
    if let malformed { writer.string([UInt8](malformed.description.utf8)) } else { writer.null() }
    writer.member("remarks", remarks.map { [UInt8]($0.utf8) })
    write(.note, as: "notes", to: &writer)
    write(.warning, as: "warnings", to: &writer)
    write(.problem, as: "problems", to: &writer)
    writer.endObject()
    return writer.finish()
  }

  private func write(_ weight: Weight, as name: StaticString, to writer: inout JSONWriter) {
    writer.key(name)
    writer.beginArray()
    for fact in facts where fact.weight == weight {
      writer.beginObject()
      writer.member("about", [UInt8](fact.about.utf8))
      writer.member("text", [UInt8](fact.text.utf8))
      writer.endObject()
    }
    writer.endArray()
  }
}
