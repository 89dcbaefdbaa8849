internal import Bytes
internal import JSON

/// Reads JSON that is a file or lies in one, and tells every error as one of that file: with its path, the place
/// in it, and the tensor or key concerned.
struct FileJSONReader: ~Copyable {
  private var reader: JSONReader
  private let path: String
  private let start: Int
  private let rule: SafetensorsRule
  /// The tensor or key that is being read.
  var subject: String?

  /// - Parameters:
  ///   - start: where in the file the JSON begins.
  ///   - rule: what is broken by bytes that are no JSON.
  init(_ bytes: [UInt8], path: String, at start: Int, rule: SafetensorsRule, maximumDepth: Int) {
    reader = JSONReader(bytes, maximumDepth: maximumDepth)
    self.path = path
    self.start = start
    self.rule = rule
  }

  /// Bytes from the start of the file.
  var offset: Int { start + reader.offset }

  mutating func peek() throws(FileError) -> JSONReader.Kind {
    do throws(JSONError) { return try reader.peek() } catch { throw told(error) }
  }

  mutating func beginObject() throws(FileError) {
    do throws(JSONError) { try reader.beginObject() } catch { throw told(error) }
  }

  mutating func beginArray() throws(FileError) {
    do throws(JSONError) { try reader.beginArray() } catch { throw told(error) }
  }

  mutating func nextKey() throws(FileError) -> String? {
    do throws(JSONError) { return try reader.nextKey() } catch { throw told(error) }
  }

  mutating func nextElement() throws(FileError) -> Bool {
    do throws(JSONError) { return try reader.nextElement() } catch { throw told(error) }
  }

  mutating func readString() throws(FileError) -> String {
    do throws(JSONError) { return try reader.readString() } catch { throw told(error) }
  }

  mutating func readNumber() throws(FileError) -> JSONReader.Number {
    do throws(JSONError) { return try reader.readNumber() } catch { throw told(error) }
  }

  mutating func skipValue() throws(FileError) {
    do throws(JSONError) { try reader.skipValue() } catch { throw told(error) }
  }

  mutating func finish() throws(FileError) {
    do throws(JSONError) { try reader.finish() } catch { throw told(error) }
  }

  /// An error of the rule `rule`, here or at `offset` in the file.
  func broken(
    _ rule: SafetensorsRule, _ message: String, at offset: Int? = nil, code: FileError.Code = .malformed
  ) -> FileError {
    FileError(
      code, path: path, subject: subject, offset: offset ?? self.offset, message, rule: rule.citation)
  }

  private func told(_ error: JSONError) -> FileError {
    broken(rule, "not valid JSON: \(error.message)", at: start + (error.offset ?? 0))
  }
}
