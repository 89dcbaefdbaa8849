internal import Bytes
internal import Conversion
internal import Estimation
internal import Evaluation
internal import JSON

/// An estimate, for people and for programs.
struct EstimateReport {
  let estimate: ModelEstimate
  let origin: EstimateOrigin
  /// What was found of the model itself.
  let found: [String]

  var tables: [ReportTable] {
    [formTable, contextTable, trainingTable]
  }

  private var request: ModelEstimate.Request { estimate.request }

  private var formTable: ReportTable {
    let fitting = estimate.fittingMemories
    return ReportTable(
      "\(origin.model): \(NumberText.grouped(estimate.parameterCount)) weights",
      columns: ["Type", "Weights", "Bits per weight", "With \(NumberText.grouped(estimate.context)) tokens"]
        + fitting.map { "Context in \(NumberText.bytes(request.memories[$0]))" },
      rows: estimate.forms.map { form in
        guard let size = try? form.size.get() else { return [form.name, "-", "-", "-"] + fitting.map { _ in "-" } }
        return [
          form.name, NumberText.bytes(size.byteCount), NumberText.fixed(size.bitsPerWeight, 3),
          form.total.map(Self.bytes) ?? "-",
        ] + fitting.map { form.longestContexts[$0].map(NumberText.grouped) ?? "none" }
      })
  }

  private var contextTable: ReportTable {
    ReportTable(
      "In addition to the weights, for \(sequences)", columns: ["Context", "KV cache", "Activations"],
      rows: estimate.contexts.map {
        [NumberText.grouped($0.tokens), Self.bytes($0.cache), Self.bytes($0.activations)]
      })
  }

  private var trainingTable: ReportTable {
    ReportTable(
      "Training on \(NumberText.grouped(estimate.context)) tokens, \(sequences)",
      columns: ["Method", "Trained weights", "Memory"],
      rows: estimate.trainings.map {
        [Self.method($0.method, rank: request.rank), Self.count($0.trained), Self.bytes($0.total)]
      })
  }

  private var sequences: String { request.batch == 1 ? "1 sequence" : "\(NumberText.grouped(request.batch)) sequences" }

  private static func method(_ method: MemoryNeeds.Training, rank: Int) -> String {
    method == .full ? method.name : "\(method.name), rank \(rank)"
  }

  /// What is to be known of the numbers: which types are not what they seem or have none, what fits, and where contexts end.
  var notes: [String] {
    var notes = Self.grouped(
      estimate.forms.compactMap { form in Self.substitutions(of: form).map { (form.name, $0) } }
    ).map { "\($0.names): \($0.text)" }
    notes += Self.grouped(
      estimate.forms.compactMap { form in
        if case .failure(let error) = form.size { (form.name, Self.reason(error, of: form.name)) } else { nil }
      }
    ).map { "not as \($0.names): \($0.text)" }
    notes += estimate.trainingRefusals.map { "no \($0.method.name): \(Self.reason($0.error, of: ""))" }
    notes += estimate.alternatives.map { alternative in
      let size = "\(NumberText.bytes(alternative.size.byteCount))"
      let none = "none of these types fits into \(NumberText.bytes(alternative.memory)); "
      return none
        + (alternative.longestContext.map {
          "\(alternative.size.name) (\(size)) does, with a context of up to \(NumberText.grouped($0)) tokens"
        } ?? "even \(alternative.size.name) takes \(size), without any context")
    }
    let trained = estimate.needs.contextLength
    if let context = request.context, context > trained {
      notes.append(
        "the model was trained for contexts of up to \(NumberText.grouped(trained)) tokens, and \(NumberText.grouped(context)) are more"
      )
    }
    if estimate.forms.contains(where: { $0.longestContexts.contains(trained) }) {
      notes.append(
        "contexts end at \(NumberText.grouped(trained)) tokens, which the model was trained for, even where more would fit"
      )
    }
    return notes
  }

  /// Which tensors of a form are not of its type: the cause that most have, and how many there are of others.
  private static func substitutions(of form: ModelEstimate.Form) -> String? {
    let notes = (try? form.size.get())?.notes ?? []
    guard let first = notes.max(by: { $0.names.count < $1.names.count }) else { return nil }
    let others = notes.reduce(0) { $0 + $1.names.count } - first.names.count
    // What can be done about it are options of quantize.
    return Note(first.cause, of: first.names).description
      + (others == 0 ? "" : "; \(others) more for other reasons, which `decant quantize --dry-run` tells")
  }

  /// Why there is no such form. A name that stands for a file says nothing, and nor do options of quantize.
  private static func reason(_ error: FileError, of form: String) -> String {
    guard error.path == form || error.remedies == [.chooseGroups] else {
      return Terminal.sentence(error, isVerbose: false)
    }
    return (error.subject.map { "\($0): " } ?? "") + error.message
  }

  /// Equal texts once, with the names that they are told of.
  private static func grouped(_ entries: [(name: String, text: String)]) -> [(names: String, text: String)] {
    var groups: [(names: [String], text: String)] = []
    for (name, text) in entries {
      if let place = groups.firstIndex(where: { $0.text == text }) {
        groups[place].names.append(name)
      } else {
        groups.append(([name], text))
      }
    }
    return groups.map { ($0.names.joined(separator: ", "), $0.text) }
  }

  /// A count as a whole number, as far as it is one.
  private static func whole(_ count: Double) -> JSONValue {
    Int(exactly: count).map(JSONValue.integer) ?? .number(count)
  }

  static func bytes(_ count: Double) -> String { NumberText.bytes(count) }

  private static func count(_ count: Double) -> String { NumberText.grouped(Int(min(count.rounded(), 9e18))) }

  /// Keys: `model`, `weights`, `context`, `batch`, `rank`, `memory`, `types` (`type`, `bytes`, `bits_per_weight`, `total`, `totals`,
  /// `longest_contexts`, `refusal`), `alternatives` (`memory`, `type`, `bytes`, `longest_context`), `contexts` (`context`, `kv_cache`,
  /// `activations`), `training` (`method`, `trained`, `bytes`), `trained_context`, `origin` (`version`, `command`, `config_xxh3_128`), `notes`.
  var json: JSONValue {
    var members: [String: JSONValue] = [
      "model": .string(origin.model), "weights": .integer(estimate.parameterCount),
      "context": .integer(estimate.context),
      "batch": .integer(request.batch), "rank": .integer(request.rank),
      "trained_context": .integer(estimate.needs.contextLength),
      "contexts": .array(
        estimate.contexts.map {
          ["context": .integer($0.tokens), "kv_cache": Self.whole($0.cache), "activations": Self.whole($0.activations)]
        }),
      "training": .array(
        estimate.trainings.map {
          ["method": .string($0.method.rawValue), "trained": Self.whole($0.trained), "bytes": Self.whole($0.total)]
        }),
    ]
    members["memory"] = .array(request.memories.map(JSONValue.integer))
    members["alternatives"] = .array(
      estimate.alternatives.map {
        [
          "memory": .integer($0.memory), "type": .string($0.size.name), "bytes": .integer($0.size.byteCount),
          "longest_context": $0.longestContext.map(JSONValue.integer) ?? .null,
        ]
      })
    members["origin"] = [
      "version": .string(origin.version), "command": .array(origin.command.map(JSONValue.string)),
      "config_xxh3_128": origin.configDigest.map(JSONValue.string) ?? .null,
    ]
    members["notes"] = .array((found + notes).map(JSONValue.string))
    members["types"] = .array(
      estimate.forms.map { form in
        var entry: [String: JSONValue] = ["type": .string(form.name)]
        switch form.size {
        case .success(let size):
          entry["bytes"] = .integer(size.byteCount)
          entry["bits_per_weight"] = .number(size.bitsPerWeight)
          entry["total"] = form.total.map(Self.whole)
          entry["totals"] = .array(form.totals.map(Self.whole))
          entry["longest_contexts"] = .array(form.longestContexts.map { $0.map(JSONValue.integer) ?? .null })
        case .failure(let error): entry["refusal"] = .string(Terminal.sentence(error, isVerbose: false))
        }
        return .object(entry)
      })
    return .object(members)
  }
}
