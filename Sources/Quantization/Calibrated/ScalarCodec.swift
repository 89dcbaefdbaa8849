/// A codec whose elements are levels times scales of blocks: one that a calibrated encoder can write for. The bytes mean what they always do.
public protocol ScalarCodec: Codec {
  /// What it can store.
  var grid: ScalarGrid { get }

  /// Writes coded rows as `encode` writes values: plane after plane.
  /// - Throws: `CodecError.scaleOverflow` where a scale cannot be stored.
  func pack(_ rows: CodedRows, into bytes: inout MutableRawSpan) throws(CodecError)
}

/// A codec of blocks that each have their own scales.
protocol ScalarBlockCodec: ScalarCodec, BlockCodec {
  /// The bytes of one block.
  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8]
}

extension ScalarBlockCodec {
  public func pack(_ rows: CodedRows, into bytes: inout MutableRawSpan) throws(CodecError) {
    let count = rows.rows * rows.columns
    precondition(bytes.byteCount == byteCount(elements: count), "the bytes are not those of the rows")
    var place = 0
    for first in stride(from: 0, to: count, by: elementsPerBlock) {
      do throws(CodecError) {
        for byte in try self.bytes(of: rows.run(from: first, count: elementsPerBlock)) {
          bytes.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
          place += 1
        }
      } catch {
        throw error.moved(by: first)
      }
    }
  }
}

extension ScalarCodec {
  /// Whether rows of that many elements are whole blocks, none of which runs over a row's end.
  public func fits(columns: Int) -> Bool { columns > 0 && columns % max(grid.superblock, elementsPerBlock) == 0 }
}
