package import Bytes
package import JSON

/// Reads JSON that is a file or lies in one, and tells every error as one of that file: with its path, the place
/// in it, and the tensor or key concerned.
package struct FileJSONReader: ~Copyable {
  private var reader: JSONReader
  /// What errors name.
  package let path: String
  private let start: Int
  private let rule: String
  /// The tensor or key that is being read.
  package var subject: String?

  /// - Parameters:
  ///   - start: where in the file the JSON begins.
  ///   - rule: what is broken by bytes that are no JSON.
  package init(
    _ bytes: [UInt8], path: String, at start: Int = 0, rule: some SpecificationRule, maximumDepth: Int
  ) {
    reader = JSONReader(bytes, maximumDepth: maximumDepth)
    self.path = path
    self.start = start
    self.rule = rule.citation
  }

  /// Bytes from the start of the file.
  package var offset: Int { start + reader.offset }

  package mutating func peek() throws(FileError) -> JSONReader.Kind {
    do throws(JSONError) { return try reader.peek() } catch { throw told(error) }
  }

  package mutating func beginObject() throws(FileError) {
    do throws(JSONError) { try reader.beginObject() } catch { throw told(error) }
  }

  package mutating func beginArray() throws(FileError) {
    do throws(JSONError) { try reader.beginArray() } catch { throw told(error) }
  }

  package mutating func nextKey() throws(FileError) -> String? {
    do throws(JSONError) { return try reader.nextKey() } catch { throw told(error) }
  }

  package mutating func nextElement() throws(FileError) -> Bool {
    do throws(JSONError) { return try reader.nextElement() } catch { throw told(error) }
  }

  package mutating func readString() throws(FileError) -> String {
    do throws(JSONError) { return try reader.readString() } catch { throw told(error) }
  }

  package mutating func readNumber() throws(FileError) -> JSONReader.Number {
    do throws(JSONError) { return try reader.readNumber() } catch { throw told(error) }
  }

  package mutating func skipValue() throws(FileError) {
    do throws(JSONError) { try reader.skipValue() } catch { throw told(error) }
  }

  package mutating func finish() throws(FileError) {
    do throws(JSONError) { try reader.finish() } catch { throw told(error) }
  }

  /// An error of the rule `rule`, here or at `offset` in the file.
  package func broken(
    _ rule: some SpecificationRule, _ message: String, at offset: Int? = nil, code: FileError.Code = .malformed
  ) -> FileError {
    rule.broken(code, path: path, subject: subject, at: offset ?? self.offset, message)
  }

  private func told(_ error: JSONError) -> FileError {
    FileError(
      .malformed, path: path, subject: subject, offset: start + (error.offset ?? 0),
      "not valid JSON: \(error.message)", rule: rule)
  }
}
