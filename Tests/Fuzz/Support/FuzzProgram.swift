#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The side of libFuzzer that is ours: the one of several targets that the environment variable `FUZZ_TARGET` names.
/// Without it, the program prints their names and seeds, a line each, and ends.
package struct FuzzProgram: Sendable {
  private let target: FuzzTarget

  package init(_ targets: [FuzzTarget]) {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) }
    guard let target = targets.first(where: { $0.name == name }) else {
      for target in targets { print(([target.name] + target.seeds).joined(separator: "\t")) }
      fflush(nil)
      // libFuzzer takes an ordinary exit for a finding.
      _exit(name == nil ? 0 : 64)
    }
    self.target = target
  }

  /// Gives one input to the target. A finding ends the program, as a trap would.
  package func run(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
    do throws(FuzzFinding) {
      try target.run(bytes)
    } catch {
      fatalError("finding: \(error)")
    }
    return 0
  }
}
