public import Bytes
public import Inference
public import Tokenizers

/// The texts of a calibration as windows of tokens, some of which are held back to measure with.
public struct CalibrationWindows: Sendable {
  /// One kind of text.
  public struct Kind: Sendable {
    public let name: String
    /// What was read, as UTF-8.
    public let text: [UInt8]
    /// Windows that are counted.
    public let counted: [[Int32]]
    /// Windows that are in no moments.
    public let heldBack: [[Int32]]
  }

  public let context: Int
  public let kinds: [Kind]

  /// Every so many windows one is held back.
  private static let heldBackEvery = 8
  /// Tokens that are run together.
  static let batchTokens = 1024

  /// - Parameters:
  ///   - tokens: of all kinds together, of each as many.
  ///   - context: tokens of a window.
  ///   - seed: of text that the model writes.
  ///   - progress: is called while the model writes, with tokens that are there and those that there will be.
  /// - Throws: `FileError` when a text has not two windows, or the model cannot be run.
  public init(
    of texts: [CalibrationText], tokens: Int, context: Int, seed: UInt64, model: LoadedModel, tokenizer: Tokenizer,
    workers: Workers, progress: (_ done: Int, _ of: Int) throws -> Void
  ) async throws {
    self.context = context
    let wanted = max(2, tokens / max(1, texts.count) / context)
    var kinds: [Kind] = []
    for text in texts {
      switch text.origin {
      case .bytes(let bytes):
        let windows = Self.windows(
          of: tokenizer.encode(utf8: bytes), atMost: wanted, context: context,
          beginningOfSequence: tokenizer.addsBOS ? tokenizer.bosID : nil)
        guard windows.count >= 2 else {
          throw FileError(
            .unsupported, path: text.name, "is too short: it has to fill two windows of \(context) tokens at least")
        }
        kinds.append(Self.kind(text.name, bytes, windows))
      case .generated:
        let first = tokenizer.bosID ?? tokenizer.eosIDs.first ?? 0
        let windows = try await model.generate(
          windows: wanted, of: context, from: first, seed: seed, workers: workers
        ) { try progress($0, wanted * context) }
        let bytes = windows.flatMap { window in Array(tokenizer.decode(window).utf8) + [UInt8(ascii: "\n")] }
        kinds.append(Self.kind(text.name, bytes, windows))
      }
    }
    self.kinds = kinds
  }

  private static func kind(_ name: String, _ text: [UInt8], _ windows: [[Int32]]) -> Kind {
    // The last of each run, so that two windows are enough for one.
    let isHeldBack = windows.indices.map { number in
      number % heldBackEvery == heldBackEvery - 1 || (windows.count < heldBackEvery && number == windows.count - 1)
    }
    return Kind(
      name: name, text: text, counted: zip(windows, isHeldBack).filter { !$0.1 }.map(\.0),
      heldBack: zip(windows, isHeldBack).filter(\.1).map(\.0))
  }

  /// Windows that are spread evenly over a text.
  private static func windows(
    of tokens: [Int32], atMost most: Int, context: Int, beginningOfSequence: Int32?
  ) -> [[Int32]] {
    // Those of a short text overlap by half at most, so that it counts about as much as others.
    let count = min(most, tokens.count < context ? 0 : max(tokens.count / context, 2 * tokens.count / context - 1))
    guard count > 0 else { return [] }
    let step = count == 1 ? 0 : (tokens.count - context) / (count - 1)
    return (0..<count).map { number in
      var window = Array(tokens[number * step..<number * step + context])
      if let beginningOfSequence { window[0] = beginningOfSequence }
      return window
    }
  }

  /// What is run together: windows of one kind, held back or not.
  var batches: [MomentSweep.Batch] {
    let size = max(1, Self.batchTokens / context)
    return kinds.flatMap { kind in
      [(kind.counted, false), (kind.heldBack, true)].flatMap { windows, isHeldBack in
        stride(from: 0, to: windows.count, by: size).map { first in
          MomentSweep.Batch(windows: Array(windows[first..<min(first + size, windows.count)]), isHeldBack: isHeldBack)
        }
      }
    }
  }
}
