internal import Bytes

/// With what rights and where buckets are asked, as the programs of AWS find it: by variables, then by the files of a profile.
struct BucketSettings: Sendable {
  struct Keys: Sendable {
    let identifier: String
    let secret: String
    let session: String?
  }

  /// nil for requests without a signature.
  let keys: Keys?
  /// nil where nothing says it.
  let region: String?
  /// `https://host:port` of another store than AWS; nil for AWS.
  let endpoint: String?

  init(_ environment: RemoteEnvironment) {
    let profile = environment.first("AWS_PROFILE") ?? "default"
    let credentials = Self.section(
      profile, in: environment.path("AWS_SHARED_CREDENTIALS_FILE") ?? environment.home(".aws/credentials"))
    let configuration = Self.section(
      profile == "default" ? profile : "profile \(profile)",
      in: environment.path("AWS_CONFIG_FILE") ?? environment.home(".aws/config"))
    if let identifier = environment.first("AWS_ACCESS_KEY_ID"), let secret = environment.first("AWS_SECRET_ACCESS_KEY")
    {
      keys = Keys(identifier: identifier, secret: secret, session: environment.first("AWS_SESSION_TOKEN"))
    } else {
      keys = Self.keys(credentials) ?? Self.keys(configuration)
    }
    region = environment.first("AWS_REGION", "AWS_DEFAULT_REGION") ?? configuration["region"] ?? credentials["region"]
    endpoint =
      environment.server("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
      ?? configuration["endpoint_url"].flatMap { RemoteEnvironment(["url": $0]).server("url") }
  }

  private static func keys(_ section: [String: String]) -> Keys? {
    guard let identifier = section["aws_access_key_id"], let secret = section["aws_secret_access_key"] else {
      return nil
    }
    return Keys(identifier: identifier, secret: secret, session: section["aws_session_token"])
  }

  /// The settings of a section `[name]`; none where file or section are not there.
  private static func section(_ name: String, in path: String?) -> [String: String] {
    guard let path, let bytes = try? InputFile.contents(of: path, limit: 1 << 20) else { return [:] }
    return section(name, of: String(decoding: bytes, as: UTF8.self))
  }

  static func section(_ name: String, of text: String) -> [String: String] {
    func trimmed(_ text: some StringProtocol) -> String {
      String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
    var isInside = false
    var settings: [String: String] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      // What is indented belongs to the setting before.
      guard let first = line.first, !first.isWhitespace, first != "#", first != ";" else { continue }
      if first == "[" {
        isInside = trimmed(line.dropFirst().prefix { $0 != "]" }) == name
      } else if isInside, let sign = line.firstIndex(of: "=") {
        let value = trimmed(line[line.index(after: sign)...])
        if !value.isEmpty { settings[trimmed(line[..<sign]).lowercased()] = value }
      }
    }
    return settings
  }
}
