public import Bytes
internal import Digests
public import Quantization
internal import Synchronization

/// A calibration that is still being made, for one output: it keeps what is known of a single layer of the model at a time.
///
/// It gives the same bytes as the file that it could have been written to.
public final class CalibrationUnderway: Calibration {
  public let path: String
  public let name: String
  public var settings: CalibrationSettings { contents.settings }
  private let contents: CalibrationWriter.Contents
  private let known: [String: LayerSquares]
  private let writer: CalibrationWriter
  /// What tells it from others before it is whole: what was read, and what layers were given.
  private let firstDigest: String
  private let state = Mutex(State())

  private struct State {
    var moments: [String: LayerMoments] = [:]
    var digest: String?
  }

  /// - Parameters:
  ///   - path: what errors call it.
  ///   - name: what records call it.
  ///   - squares: of the layers that some token has reached.
  /// - Throws: `FileError` when there is more than a calibration can have.
  public init(
    path: String, name: String, _ contents: CalibrationWriter.Contents, squares: [LayerSquares]
  ) throws(FileError) {
    self.path = path
    self.name = name
    self.contents = contents
    known = Dictionary(squares.map { ($0.key, $0) }) { first, _ in first }
    writer = try CalibrationWriter(digesting: contents, name: name)
    var stream = FastDigest.Stream()
    stream.add(writer.digest)
    for layer in squares.sorted(by: { $0.key < $1.key }) {
      stream.add("\(layer.key) \(layer.tokens)\n")
      layer.means.withBytes { stream.add($0) }
    }
    firstDigest = stream.digest.description
  }

  /// Keeps what is known of a linear layer until `forget`.
  public func add(_ layer: LayerSums) throws(FileError) {
    var moments = layer.moments
    try writer.write(layer, moments: moments)
    moments.sample = writer.sample(of: layer)
    state.withLock { [moments] in $0.moments[layer.key] = moments }
  }

  /// Layers that some token has reached.
  var reached: Set<String> { Set(known.keys) }

  /// Layers that moments are kept of.
  var present: Set<String> { state.withLock { Set($0.moments.keys) } }

  /// Gives up the moments that are kept.
  public func forget() { state.withLock { $0.moments = [:] } }

  /// Takes note that all layers were there: from now on its digest is that of the file.
  public func complete() {
    let digest = writer.digest
    state.withLock { $0.digest = digest }
  }

  public var digest: String { state.withLock(\.digest) ?? firstDigest }

  public var inputPaths: [String] { [] }

  public var keys: [String] { contents.layers.map(\.key) }

  public func hasGradients(of key: String) -> Bool {
    contents.layers.contains { $0.key == key && $0.hasGradients }
  }

  public func tokens(of key: String) -> Int? {
    known[key]?.tokens ?? (contents.layers.contains { $0.key == key } ? 0 : nil)
  }

  public func squares(of key: String) -> [Float]? { known[key]?.means }

  /// - Throws: `FileError` for a layer that some token has reached, and that is not kept.
  public func moments(of key: String) throws(FileError) -> LayerMoments? {
    let kept = state.withLock { $0.moments[key] }
    guard kept != nil || known[key] == nil else {
      throw FileError(
        .unsupported, path: path, subject: key,
        "is of a weight that several layers share, which a calibration that is not kept cannot serve; make one with `decant calibrate`"
      )
    }
    return kept
  }

  public func heldBack() -> [(name: String, windows: [[Int32]])] {
    zip(settings.texts, contents.heldBack).map { ($0.name, $1) }
  }
}
