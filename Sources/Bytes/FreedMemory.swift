internal import CBytes

/// Memory that was given back.
public enum FreedMemory {
  /// Keeps it for what asks next, which spares a program whose buffers come and go most of their page faults. For programs, not for
  /// libraries: it is a setting of the process.
  public static func keep() { decant_keep_freed_memory() }
}
