internal import Conversion
internal import Quantization

/// What `--version` prints: a first line for programs, then what decides how fast this machine is.
enum VersionText {
  static var whole: String {
    """
    decant \(Version.current)
    Commit        \(builtFrom ?? "not known")
    Kernels       \(KernelSet.best), of \(KernelSet.all.map(\.name).joined(separator: ", "))
    Architecture  \(architecture)
    """
  }

  private static var architecture: String {
    #if arch(x86_64)
      "x86_64"
    #elseif arch(arm64)
      "arm64"
    #else
      "another"
    #endif
  }
}
