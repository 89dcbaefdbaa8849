import Bytes
import Quantization
import TestSupport
import Testing

extension Codec {
  func encoded(_ values: [Float]) throws(CodecError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xA5, count: byteCount(elements: values.count))
    try bytes.withMutableBytes { raw throws(CodecError) in try encode(values.span, into: &raw) }
    return bytes
  }

  func decoded(_ bytes: [UInt8], elements: Int) -> [Float] {
    var values = [Float](repeating: .nan, count: elements)
    bytes.withBytes { raw in
      var span = values.mutableSpan
      decode(raw, into: &span)
    }
    return values
  }

  func encoding(of values: [Float]) -> Result<[UInt8], CodecError> {
    do throws(CodecError) { return .success(try encoded(values)) } catch { return .failure(error) }
  }
}

extension Codec {
  /// The bytes of rows whose columns have that importance, which makes no difference to codecs that do not ask for it.
  func encoding(of values: [Float], importance: [Float]?) -> Result<[UInt8], CodecError> {
    guard let importance, let codec = self as? any WeightedBlockCodec else { return encoding(of: values) }
    var bytes = [UInt8](repeating: 0xA5, count: byteCount(elements: values.count))
    do throws(CodecError) {
      try bytes.withMutableBytes { raw throws(CodecError) in
        try codec.encode(values.span, importance: importance.span, into: &raw)
      }
      return .success(bytes)
    } catch {
      return .failure(error)
    }
  }
}

extension ReferencedCodec {
  func referenceEncoding(of values: [Float], importance: [Float]?) -> Result<[UInt8], CodecError> {
    guard let importance, let codec = self as? any WeightedBlockCodec else { return referenceEncoding(of: values) }
    do throws(CodecError) {
      return .success(try codec.referenceEncode(values, importance: importance))
    } catch {
      return .failure(error)
    }
  }

  func referenceEncoding(of values: [Float]) -> Result<[UInt8], CodecError> {
    do throws(CodecError) { return .success(try referenceEncode(values)) } catch { return .failure(error) }
  }
}

extension [Float] {
  var bitPatterns: [UInt32] { map(\.bitPattern) }
}

/// The vectors beside this file, and those of the folder that DECANT_SHARED names.
enum Golden {
  static let folder = #filePath.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/Golden/"
  static let shared = Environment.value(of: "DECANT_SHARED").map { $0 + "/golden/" }
  static let noShared: Comment = "set DECANT_SHARED to the folder with the full-size vectors"
}
