// A word to the postmaster: something in the queue cannot be read and has been set aside (Queue/Aside.swift).

public import MIME

public enum AsideNotice {
  /// The message, from `postmaster` at `host`. `name` is what was set aside, `place` where it is now, `reason` why;
  /// `unique` makes the identifier. Throws if `host` is no name.
  public static func octets(
    host: [UInt8], now: Int64, unique: [UInt8], name: [UInt8], place: [UInt8], reason: [UInt8]
  ) throws(BuildError) -> [UInt8] {
    let postmaster = Array("postmaster@".utf8) + host
    var text = Array("This is the mail system at ".utf8) + FieldText(printable: host).utf8
    text += Array(".\n\nThis lay in the queue and could not be delivered:\n\n    ".utf8)
    text += FieldText(printable: name).utf8
    text += Array("\n    ".utf8) + FieldText(printable: reason).utf8
    text += Array("\n\nIt is now\n\n    ".utf8) + FieldText(printable: place).utf8
    text += Array(
      """


      Nothing will be done with it by itself, and its sender has not been told.
      Other mail is delivered as always. See postern-queue(8), "FILES".

      """.utf8)
    var message = OutgoingMessage(
      date: DateTime(seconds: now, zone: 0),
      messageID: try MessageIdentifier(unique + Array("@".utf8) + host),
      from: [
        try NamedAddress(
          name: FieldText(printable: Array("Mail Delivery System".utf8)), address: postmaster)
      ],
      body: .text(try BodyText(text)))
    message.to = [try NamedAddress(address: postmaster)]
    message.subject = FieldText(printable: Array("Mail in the queue was set aside".utf8))
    message.fields = [
      (
        try FieldName(Array("Auto-Submitted".utf8)),
        FieldText(printable: Array("auto-generated".utf8))
      )
    ]
    var octets: [UInt8] = []
    message.append(to: &octets, unique: unique)
    return octets
  }
}
