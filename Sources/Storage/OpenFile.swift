// A file that is being written. Nobody sees it before it gets a name, and when it is let go of without one, it is gone.

public import POSIX

/// A directory that files are made in. It is a class, so that an open file can keep hold of it.
public final class Folder {
  public let descriptor: FileDescriptor

  public init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
}

/// A name that is removed when it is let go of, unless it is kept.
public final class TemporaryName {
  let folder: Folder
  let name: String
  private var isThere = true

  /// Takes charge of a name that exists.
  public init(_ name: String, in folder: Folder) { (self.name, self.folder) = (name, folder) }

  deinit { if isThere { try? folder.descriptor.unlink(name) } }

  public func keep() { isThere = false }

  /// Removes the name now.
  public func remove() throws(SystemError) {
    guard isThere else { return }
    try folder.descriptor.unlink(name)
    isThere = false
  }
}

/// A file that is being written. It is a class, because an array cannot hold a noncopyable struct.
public final class OpenFile {
  private let descriptor: FileDescriptor
  /// Nil if the file has no name.
  private let temporaryName: TemporaryName?

  /// Makes a file without a name in `place`. If the file system has no such files, it gets a temporary name in `folder`.
  /// With `isReadable` it can be read, too: this takes the right to read files in `place`.
  public static func make(
    in place: borrowing FileDescriptor, orIn folder: Folder, isReadable: Bool = false,
    named name: () -> String
  ) throws(SystemError) -> OpenFile {
    if let file = try place.makeUnnamedFile(isReadable: isReadable) { return OpenFile(file, nil) }
    let name = name()
    let file = try folder.descriptor.makeFile(named: name, isReadable: isReadable)
    return OpenFile(file, TemporaryName(name, in: folder))
  }

  private init(_ descriptor: consuming FileDescriptor, _ temporaryName: TemporaryName?) {
    self.descriptor = descriptor
    self.temporaryName = temporaryName
  }

  public func write(_ octets: Span<UInt8>) throws(SystemError) {
    try descriptor.write(octets)
  }

  /// Reads from a file that `isReadable`, and gives the number of octets; 0 at the end.
  public func read(
    into buffer: inout [UInt8], atMost count: Int, at offset: Int
  ) throws(SystemError) -> Int {
    try descriptor.read(into: &buffer, atMost: count, at: offset)
  }

  public func synchronize() throws(SystemError) { try descriptor.synchronizeData() }

  /// Gives the file a name in `place`, which is of the same file system.
  public func link(in place: borrowing FileDescriptor, as name: String) throws(SystemError) {
    if let temporaryName {
      try temporaryName.folder.descriptor.link(temporaryName.name, in: place, as: name)
    } else {
      try place.link(descriptor, as: name)
    }
  }

  /// The same without the use of the temporary name.
  func link(throughDescriptorIn place: borrowing FileDescriptor, as name: String)
    throws(SystemError)
  {
    try place.link(descriptor, as: name)
  }

  /// Removes the temporary name, if there is one.
  public func removeTemporaryName() throws(SystemError) { try temporaryName?.remove() }
}
