internal import Bytes

/// What is said of answers that are no file.
enum Refusal {
  static func error(_ response: Response, path: String, hint: String? = nil) -> FileError {
    let status = response.status
    let (code, what): (FileError.Code, String) =
      switch status {
      case 401: (.system, "the server wants to know who asks (HTTP 401)")
      case 403: (.system, "the server does not allow it (HTTP 403)")
      case 404, 410: (.missing, "the server has no such file (HTTP \(status))")
      case 408: (.system, "the server has waited too long for the request (HTTP 408); try again later")
      case 429: (.system, "the server has been asked too often (HTTP 429); try again later")
      case 300..<400: (.unsupported, "the server leads on to another address, which is not followed (HTTP \(status))")
      case 500...: (.system, "the server is out of order (HTTP \(status)); try again later")
      default: (.unsupported, "the server gives no file (HTTP \(status))")
      }
    let name = FileSystem.lastComponent(path)
    let mayBeFolder = path.hasPrefix("http") && !path.hasSuffix("/") && !name.contains(".") && (300..<500) ~= status
    let hints = [hint, mayBeFolder ? "the address of a folder ends with a slash" : nil].compactMap(\.self)
    return FileError(code, path: path, ([what] + hints).joined(separator: "; "))
  }
}
