import FuzzRemote
import FuzzSupport

enum Program {
  static let chosen = FuzzProgram(RemoteTargets.all)
}

/// What libFuzzer, which has the entry point, calls.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  Program.chosen.run(start, count)
}
