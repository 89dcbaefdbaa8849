internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON
internal import Tensors

struct EditCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "edit",
    abstract: "Change the metadata of a file. The one command that changes its input.",
    discussion: """
      Keys of a GGUF, or of the __metadata__ of a safetensors file; of a split set,
      those of its first file. The tensors stay what they are. A key keeps its type;
      of a new one it is said, as in KEY:u32=7, and lists are JSON:
      KEY:[string]=["a"]. --rename comes first, then --remove, then --set. --dry-run
      shows what would change.

      An id of a token may be said by its text, and so may the element of a list that
      has one for each token.

      Where the new header has as much room as the old one, it takes its place at
      once, whatever the size of the file. (A header that became shorter is filled
      up, in a GGUF with the key decant.pad.) Otherwise the file is written anew
      beside the old one, which it then replaces; the same command goes on with that.
      Whenever this is killed, the file under its name is the old one or the new one.
      Only in place there is a moment in which it has no name; after a kill in it,
      the next edit puts the old file back.

      A link, a file that has several names (hard links), and a packed file are not
      changed. Mode and owner stay what they are.

      With --json: model (the file), changes (key, before, after: null where there is
      none), method (none, in_place or rewritten), bytes, notes.

      EXAMPLES
        decant edit llama.gguf --set general.name='My Llama'
        decant edit llama.gguf --set tokenizer.ggml.eos_token_id='<|im_end|>'
        decant edit llama.gguf --chat-template template.jinja --dry-run
        decant edit llama.gguf --set 'tokenizer.ggml.token_type[<|im_end|>]=control'
        decant edit llama.gguf --set llama.rope.scale:f32=2 --remove general.url
        decant edit model.safetensors --set format=pt
      """)

  @Argument(help: "File to change: a GGUF, a safetensors file, or a folder with one.", completion: .file())
  var model: String

  @Option(
    help: ArgumentHelp("Give a key a value. May be given several times.", valueName: "key[:type]=value"),
    transform: Self.setting)
  var set: [MetadataEdit] = []

  @Option(help: ArgumentHelp("Remove a key. May be given several times.", valueName: "key"))
  var remove: [String] = []

  @Option(
    help: ArgumentHelp("Give a key another name. May be given several times.", valueName: "old=new"),
    transform: Self.renaming)
  var rename: [MetadataEdit] = []

  @Option(
    help: ArgumentHelp("File with the chat template of a GGUF; - for standard input.", valueName: "file"),
    completion: .file())
  var chatTemplate: String?

  @Flag(help: "Show what would change, and change nothing.")
  var dryRun = false

  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    guard !set.isEmpty || !remove.isEmpty || !rename.isEmpty || chatTemplate != nil else {
      throw ValidationError("Say what to change: --set, --remove, --rename or --chat-template.")
    }
  }

  private static func setting(_ text: String) throws -> MetadataEdit {
    guard let edit = MetadataEdit(setting: text) else {
      throw ValidationError("--set takes KEY=VALUE, KEY:TYPE=VALUE or KEY[ELEMENT]=VALUE.")
    }
    return edit
  }

  private static func renaming(_ text: String) throws -> MetadataEdit {
    guard let edit = MetadataEdit(renaming: text) else { throw ValidationError("--rename takes OLD=NEW.") }
    return edit
  }

  func run() async throws {
    var edits = rename + remove.map(MetadataEdit.remove) + set
    if let chatTemplate {
      let text = String(decoding: try TextFile.utf8(of: chatTemplate, limit: 16 << 20), as: UTF8.self)
      edits.append(.set(key: "tokenizer.chat_template", element: nil, type: nil, value: text))
    }
    StatusLine.shared.begin("reading \(model)")
    let edit = try HeaderEdit(of: model, edits)
    talk.tell(edit.notes)
    if !dryRun {
      StatusLine.shared.begin("writing \(edit.path)")
      Terminal.tellLeft(try await edit.run(workers: workers.count))
    }
    if talk.json {
      try Terminal.result(JSONText.of(json(of: edit)))
    } else if dryRun {
      try Terminal.results { line throws(FileError) in
        for text in Self.lines(of: edit) + [sentence(on: edit)] { try line(text.printable) }
      }
    } else if !talk.quiet {
      for text in Self.lines(of: edit) + [sentence(on: edit)] { Terminal.note(text) }
    }
  }

  private static func lines(of edit: HeaderEdit) -> [String] {
    edit.changes.map { change in
      let (before, after) = (change.before.map(MetadataText.short), change.after.map(MetadataText.short))
      return switch (before, after) {
      case (let before?, let after?): "\(change.key): \(before) -> \(after)"
      case (nil, let after?): "\(change.key): new, \(after)"
      default: "\(change.key): removed, was \(before ?? "")"
      }
    }
  }

  private func sentence(on edit: HeaderEdit) -> String {
    let size = NumberText.bytes(edit.byteCount)
    return switch edit.method {
    case .none: "\(edit.path): everything is so already; nothing is changed"
    case .inPlace: "\(edit.path): \(dryRun ? "would be" : "was") changed in place"
    case .rewritten: "\(edit.path): \(dryRun ? "would be" : "was") written anew, \(size)"
    }
  }

  private func json(of edit: HeaderEdit) -> JSONValue {
    func value(_ value: MetadataValue?) -> JSONValue { value.map(MetadataText.json) ?? .null }
    return [
      "model": .string(edit.path), "method": .string(edit.method.rawValue), "bytes": .integer(edit.byteCount),
      "changes": .array(
        edit.changes.map { ["key": .string($0.key), "before": value($0.before), "after": value($0.after)] }),
      "notes": edit.notes.json,
    ]
  }
}
