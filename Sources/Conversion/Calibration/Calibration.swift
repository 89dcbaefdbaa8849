public import Bytes
public import Quantization

/// What is known of the linear layers of a model: of what they are given, and how the loss depends on what they give.
public protocol Calibration: Sendable {
  /// What errors call it.
  var path: String { get }
  /// What records call it.
  var name: String { get }
  var settings: CalibrationSettings { get }
  /// What tells it from every other.
  var digest: String { get }
  /// Paths of the files that it is read from.
  var inputPaths: [String] { get }
  /// Layers of which something is known.
  var keys: [String] { get }

  /// Whether gradients of a layer were collected.
  func hasGradients(of key: String) -> Bool

  /// Tokens that a layer was seen with, 0 for one that no token has reached; nil where nothing is known of it.
  func tokens(of key: String) throws(FileError) -> Int?

  /// The importance of a layer's columns; nil where nothing is known.
  func squares(of key: String) throws(FileError) -> [Float]?

  /// What is known of a layer; nil for nothing.
  func moments(of key: String) throws(FileError) -> LayerMoments?

  /// Windows of the kinds of text that are in no moments.
  func heldBack() throws(FileError) -> [(name: String, windows: [[Int32]])]
}
