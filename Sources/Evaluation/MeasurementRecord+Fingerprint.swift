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
    stream.add(windowsOf: text)
    return stream.digest.description
  }
}

extension FastDigest.Stream {
  /// Takes in the tokens of all windows.
  mutating func add(windowsOf text: EvaluationWindows) {
    for window in text.windows { add(window.map(String.init).joined(separator: " ") + "\n") }
  }
}
