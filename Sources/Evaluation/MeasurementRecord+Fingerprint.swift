internal import Digests
internal import Inference
internal import Quantization

extension MeasurementRecord {
  /// What tells a measurement from every other: what is measured, of which models, over which tokens, and the kernels
  /// that run, since products that are fused end in other bits.
  /// - Parameters:
  ///   - measurement: its name, with options that change the numbers.
  ///   - models: a fingerprint of each.
  public static func fingerprint(of measurement: String, models: [String], over text: EvaluationWindows) -> String {
    var stream = FastDigest.Stream()
    stream.add("\(measurement)\n")
    for model in models { stream.add("model \(model)\n") }
    stream.add("kernels \(KernelSet.best)\n")
    stream.add("context \(text.contextLength)\n")
    for window in text.windows { stream.add(window.map(String.init).joined(separator: " ") + "\n") }
    return stream.digest.description
  }
}
