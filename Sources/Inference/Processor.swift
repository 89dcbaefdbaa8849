/// What the arithmetic was chosen for, to print beside measurements.
public enum Processor {
  /// The processor family whose matrix multiplication OpenBLAS runs: `SkylakeX`, `Zen`, `Haswell`. Found when the
  /// library is loaded; the environment variable `OPENBLAS_CORETYPE` overrules it.
  public static var matrixKernels: String { Kernels.coreName }

  /// The instruction set of the other inner loops: `baseline`, `v3`, `v4`. All give the same bits. The environment
  /// variable `DECANT_KERNELS` overrules it.
  public static var rowKernels: String { Kernels.instructionSet }
}
