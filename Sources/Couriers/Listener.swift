public import Jobs

/// Who is told what has become of recipients.
public protocol Listener: AnyObject {
  /// Takes a report, and may keep it until `give`.
  func tell(_ report: Report)
  /// Passes on what it was told. The next report may take long.
  func give()
  /// Waits until the reports so far are safe; gives whether another mail transaction may begin.
  func mayGoOn() -> Bool
}
