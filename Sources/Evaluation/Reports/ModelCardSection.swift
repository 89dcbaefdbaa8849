internal import Bytes

/// A section for a model card: what models were measured to cost, how to run them, where they come from.
public struct ModelCardSection {
  private let original: MeasuredFile?
  private let files: [MeasuredFile]
  private let table: ReportTable
  private let extent: String

  /// - Parameter reports: one at least.
  public init(_ reports: ReportCollection) {
    switch reports {
    case .comparisons(let reports):
      original = reports.first?.before
      files = reports.map(\.after)
      table = ComparisonSummary(reports).tables.first ?? ReportTable("", columns: [], rows: [])
      extent =
        "KL divergence is from the first model, in nats a token: 0 means that nothing changed. "
        + Self.extent(reports.first?.comparison?.before, reports.first?.origin)
    case .perplexities(let reports):
      original = nil
      files = reports.map(\.file)
      table = PerplexitySummary(reports).tables.first ?? ReportTable("", columns: [], rows: [])
      extent = Self.extent(reports.first?.perplexity, reports.first?.origin)
    }
  }

  public var markdown: String {
    var text = "## Size and quality\n\n" + table.markdown.drop { $0 != "|" } + "\n" + extent + "\n\n## How to run\n"
    for file in files {
      let ways = Self.ways(for: file)
      for way in ways { text += "\n" + way + "\n" }
      if ways.isEmpty {
        text +=
          "\n\(ReportTable.escaped(file.name.printable)): nothing is known that runs it as it is; `decant convert` makes another form of it.\n"
      }
    }
    text += "\n## Origin\n\n" + origin
    return text
  }

  private static func extent(_ perplexity: Perplexity?, _ origin: MeasurementOrigin?) -> String {
    guard let perplexity else { return "" }
    let text = origin.map { " Text: \(ReportTable.escaped($0.text.name.printable))." } ?? ""
    let version = origin.map { " Measured with decant \(ReportTable.escaped($0.version.printable))." } ?? ""
    return perplexity.remark + text + version
  }

  // MARK: - How to run

  /// What opens which spelling, in the order in which they are told.
  private static let runners:
    [(kinds: [String], name: String, language: String, lines: @Sendable (_ file: String) -> String)] = [
      (["gguf"], "llama.cpp", "sh", { "llama-cli -m \($0) -p \"Hello\"" }),
      (
        ["gguf"], "Ollama", "sh",
        { "printf 'FROM %s\\n' \"$PWD\"/\($0) > Modelfile && ollama create my-model && ollama run my-model" }
      ),
      (["mlx"], "MLX", "sh", { "mlx_lm.generate --model \($0) --prompt \"Hello\"" }),
      (
        ["gptq", "awq", "compressed-tensors", "fp8", "modelopt", "mxfp4", "bitsandbytes", ""], "vLLM", "sh",
        { "vllm serve \($0)" }
      ),
      (
        ["bitsandbytes", "gptq", "awq", "compressed-tensors", "fp8", "mxfp4", ""], "transformers", "python",
        { file in
          """
          from transformers import AutoModelForCausalLM, AutoTokenizer

          model = AutoModelForCausalLM.from_pretrained(\(file), device_map="auto")
          tokenizer = AutoTokenizer.from_pretrained(\(file))
          """
        }
      ),
    ]

  private static func ways(for file: MeasuredFile) -> [String] {
    guard let details = file.details, ["gguf", "safetensors"].contains(details.container) else { return [] }
    // Blocks of our own are read by nobody else, and in a GGUF none that are spelled in planes.
    let own = details.container == "gguf" ? ["nf4", "fp4", "int4", "int8"] : ["int4", "int8"]
    let isOwn = details.types.contains { share in
      own.contains { share.type == $0 || share.type.hasPrefix($0 + "/") || share.type.hasPrefix($0 + " ") }
    }
    guard !isOwn || details.container == "safetensors" && details.layouts != ["bitsandbytes"] else { return [] }
    let kinds = details.container == "gguf" ? ["gguf"] : details.layouts.isEmpty ? [""] : details.layouts
    // What would end the block of code, or the line, is a name that nobody can paste.
    guard !file.name.contains(where: { $0.isNewline || $0 == "`" }) else { return [] }
    return runners.filter { !$0.kinds.filter(kinds.contains).isEmpty }.map { runner in
      let name = runner.language == "sh" ? ShellWord.quoted(file.name.printable) : pythonText(file.name)
      return "\(ReportTable.escaped(file.name.printable)) with \(runner.name):\n\n```\(runner.language)\n"
        + runner.lines(name) + "\n```"
    }
  }

  private static func pythonText(_ text: String) -> String {
    "\"" + text.printable.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }

  // MARK: - Origin

  private var origin: String {
    var lines: [String] = []
    if let original {
      let base = original.details?.hubName
      lines.append("- Base model: " + (base.map(Self.link) ?? ReportTable.escaped(original.name.printable)))
      if let of = original.details?.baseModels, !of.isEmpty {
        lines.append("- Which was made of: " + of.map(Self.link).joined(separator: ", "))
      }
    } else {
      let bases = Set(files.flatMap { $0.details?.baseModels ?? [] }).sorted()
      if !bases.isEmpty { lines.append("- Base model: " + bases.map(Self.link).joined(separator: ", ")) }
    }
    let licences = Set((files + (original.map { [$0] } ?? [])).compactMap { $0.details?.license }).sorted()
    lines.append(
      "- Licence: "
        + (licences.isEmpty
          ? "not said by the model; see where it comes from"
          : licences.map { ReportTable.escaped($0.printable) }.joined(separator: ", ")))
    let made = files.filter { $0.details?.madeBy != nil }
    let makers = Set(made.compactMap { $0.details?.madeBy }).sorted()
    if !makers.isEmpty {
      let names = made.count < files.count ? made.map { ReportTable.escaped($0.name.printable) } : []
      lines.append(
        "- Quantized with decant " + makers.map { ReportTable.escaped($0.printable) }.joined(separator: ", ")
          + (names.isEmpty ? "" : ": " + names.joined(separator: ", ")))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// A model on the hub, or whatever else names it.
  private static func link(_ name: String) -> String {
    let text = ReportTable.escaped(name.printable)
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    let isName = name.unicodeScalars.allSatisfy {
      $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "-_./".unicodeScalars.contains($0))
    }
    return parts.count == 2 && isName ? "[\(text)](https://huggingface.co/\(name))" : text
  }
}
