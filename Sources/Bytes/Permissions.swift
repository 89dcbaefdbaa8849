/// Who may do what with a file or folder: the nine bits of `chmod`.
struct Permissions: Hashable, Sendable {
  let bits: UInt32

  /// All that the process's umask leaves.
  static let all = Permissions(bits: 0o777)

  /// These, without what the other ones keep from everybody but the owner.
  func stricter(_ other: Permissions) -> Permissions { Permissions(bits: bits & (other.bits | 0o700)) }

  /// Of a new file with them. Its owner can always read and write it.
  var ofFile: UInt32 { (bits | 0o600) & 0o666 }

  /// Of a new folder with them.
  var ofFolder: UInt32 { bits | 0o700 }
}
