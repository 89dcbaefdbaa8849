internal import ArgumentParser
internal import JSON

/// What is wrong with a command line that the parser takes, or does not name: a word that is not a command, an option that is
/// none of the command's, one that is given twice.
struct CommandLineCheck {
  private struct Option {
    let names: [String]
    let isRepeating: Bool
    let takesValue: Bool
  }

  /// The options of each command.
  private let commands: [String: [Option]]

  /// From what the parser knows of the commands.
  init() {
    let document = try? JSONValue(parsing: Array(Decant._dumpHelp().utf8))
    var commands: [String: [Option]] = [:]
    for command in document?["command"]?["subcommands"]?.array ?? [] {
      guard let name = command["commandName"]?.string else { continue }
      commands[name] = (command["arguments"]?.array ?? []).compactMap { argument in
        guard let kind = argument["kind"]?.string, kind != "positional" else { return nil }
        let names = (argument["names"]?.array ?? []).compactMap { name -> String? in
          guard let text = name["name"]?.string else { return nil }
          return (name["kind"]?.string == "short" ? "-" : "--") + text
        }
        return Option(
          names: names, isRepeating: argument["isRepeating"] == true, takesValue: kind == "option")
      }
    }
    self.commands = commands
  }

  /// An option that takes one value and is given two; nil where there is none.
  static func repetition(in arguments: [String]) -> String? {
    let names = arguments.prefix { $0 != "--" }.filter { $0.hasPrefix("-") }.map(name)
    // The parser is asked only where there is a reason to.
    guard Set(names).count < names.count || names.contains(where: { !$0.hasPrefix("--") }) else { return nil }
    let check = CommandLineCheck()
    guard let command = check.command(in: arguments), let options = check.commands[command] else { return nil }
    for option in options where option.takesValue && !option.isRepeating {
      let count = names.count { option.names.contains($0) }
      if count > 1, let name = option.names.first { return "\(name) is given \(count) times, but takes one value." }
    }
    return nil
  }

  /// The word of a refused command line that nothing knows, with what may have been meant; nil where all are known.
  static func misspelling(in arguments: [String]) -> String? {
    let check = CommandLineCheck()
    let words = check.commands.keys.sorted()
    if let option = arguments.first, option.hasPrefix("-") {
      let name = Self.name(option)
      if name == ownOptions[0] { return "\(name) takes bash, zsh or fish." }
      guard !ownOptions.contains(name) else { return nil }
      return "decant has no option \(name)"
        + Spelling.question(about: name, in: ownOptions).ending(or: " before a command; decant --help says more.")
    }
    guard let first = arguments.first else { return nil }
    guard let options = check.commands[first] else { return first == "help" ? nil : unknown(first, words) }
    let names = options.flatMap(\.names) + ["--help", "-h", "--version"]
    for argument in arguments.prefix(while: { $0 != "--" }) where argument.hasPrefix("-") && argument.count > 2 {
      let name = Self.name(argument)
      if names.contains(name) { continue }
      // Several letters behind one dash are several short options.
      if !name.hasPrefix("--"), name.dropFirst().allSatisfy({ names.contains("-\($0)") || $0.isNumber }) { continue }
      return "\(first) has no option \(name)"
        + Spelling.question(about: name, in: names)
        .ending(or: "; decant \(first) --help lists them.")
    }
    return nil
  }

  /// A word in place of a command that help is asked of, which the parser would answer with the help of the whole.
  static func unknownTopic(in arguments: [String]) -> String? {
    let topic: String?
    if arguments.first == "help" {
      topic = arguments.dropFirst().first
    } else {
      topic = arguments.contains("--help") || arguments.contains("-h") ? arguments.first : nil
    }
    guard let topic, !topic.hasPrefix("-") else { return nil }
    let words = CommandLineCheck().commands.keys.sorted()
    return words.contains(topic) || topic == "help" ? nil : unknown(topic, words)
  }

  private static func unknown(_ word: String, _ words: [String]) -> String {
    "There is no command \(word)"
      + Spelling.question(about: word, in: words)
      .ending(or: ". The commands are \(words.joined(separator: ", ")).")
  }

  /// Options of the program itself.
  private static let ownOptions = ["--generate-completion-script", "--help", "-h", "--version"]

  private func command(in arguments: [String]) -> String? {
    arguments.first { !$0.hasPrefix("-") && commands[$0] != nil }
  }

  /// Without a value that is joined to it.
  private static func name(_ argument: String) -> String {
    String(argument.prefix { $0 != "=" })
  }
}

extension String {
  fileprivate func ending(or other: String) -> String { isEmpty ? other : self }
}
