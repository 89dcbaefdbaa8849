internal import Evaluation
internal import RealModule

/// The tensors of a model as layers by modules, each coloured by its relative error.
struct DamageMap {
  /// What lies at one place: a tensor, or the experts of a layer that have one name.
  struct Cell {
    /// The one with the greatest error.
    let tensor: TensorError
    let count: Int
  }

  /// Names of modules, in the order in which a layer computes.
  let modules: [String]
  /// Numbers of layers.
  let layers: [Int]
  /// Of each layer, by module.
  let cells: [Int: [String: Cell]]
  /// Tensors that belong to no layer.
  let others: [TensorError]
  /// Modules beyond are left out: no model has as many.
  private static let mostModules = 128
  /// Most places; layers beyond are left out.
  static let mostCells = 4096

  init(_ tensors: [TensorError]) {
    var cells: [Int: [String: Cell]] = [:]
    var others: [TensorError] = []
    for tensor in tensors {
      guard let (layer, module) = Self.place(of: tensor.name) else {
        others.append(tensor)
        continue
      }
      let cell = cells[layer]?[module]
      // The worst come first.
      cells[layer, default: [:]][module] = Cell(tensor: cell?.tensor ?? tensor, count: (cell?.count ?? 0) + 1)
    }
    let names = Set(cells.values.flatMap(\.keys))
    let modules = Array(names.sorted { (Self.rank($0), $0) < (Self.rank($1), $1) }.prefix(Self.mostModules))
    self.modules = modules
    let layers = Array(cells.keys.sorted().prefix(max(1, Self.mostCells / max(modules.count, 1))))
    self.layers = layers
    self.cells = cells.filter { layers.contains($0.key) }
    self.others = Array(others.sorted { $0.name < $1.name }.prefix(64))
  }

  /// All that have a place, in the order of the model.
  var shown: [Cell] {
    layers.flatMap { layer in modules.compactMap { cells[layer]?[$0] } } + others.map { Cell(tensor: $0, count: 1) }
  }

  /// The layer and the module that a name speaks of: the first number in it, and the name without it; experts have one name.
  static func place(of name: String) -> (layer: Int, module: String)? {
    var parts = name.split(separator: ".").map(String.init)
    guard let number = parts.firstIndex(where: { Int($0) != nil }), let layer = Int(parts[number]) else { return nil }
    parts.removeFirst(number + 1)
    if parts.count > 1, parts.last == "weight" { parts.removeLast() }
    guard !parts.isEmpty else { return nil }
    return (layer, parts.map { Int($0) == nil ? $0 : "*" }.joined(separator: "."))
  }

  /// Where modules of that name come in a layer; what is not known comes last.
  private static func rank(_ module: String) -> Int {
    let words = [
      ["input_layernorm", "attn_norm", "ln_1"], ["q_proj", "attn_q"], ["k_proj", "attn_k"], ["v_proj", "attn_v"],
      ["qkv", "c_attn", "query_key_value"], ["o_proj", "attn_output", "attn.c_proj", "dense"], ["attn"],
      ["post_attention", "ffn_norm", "ln_2"], ["router", "mlp.gate.", "ffn_gate_inp"], ["gate", "c_fc"], ["up"],
      ["down", "mlp.c_proj"], ["mlp", "ffn"],
    ]
    // A name that says both is of the rarer kind.
    let exact = words.firstIndex { $0.contains { module == $0 || module.hasSuffix("." + $0) } }
    return exact ?? words.firstIndex { $0.contains(where: module.contains) } ?? words.count
  }

  // MARK: - Colours

  /// Steps of colour between the least and the greatest error, evenly by size.
  struct Steps {
    static let count = 9
    let lowest: Double
    let highest: Double

    /// Covers what all models have, so that their maps have one language.
    init(_ tensors: some Sequence<TensorError>) {
      let errors = tensors.map(\.relativeSquaredError).filter { $0 > 0 && $0.isFinite }
      lowest = Double.log10(errors.min() ?? 1e-6).rounded(.down)
      highest = max(Double.log10(errors.max() ?? 1).rounded(.up), lowest + 1)
    }

    /// `q0` for the least, `qz` for none at all.
    func style(_ error: Double) -> String {
      guard error > 0 else { return "qz" }
      guard error.isFinite else { return "q\(Self.count - 1)" }
      let share = (Double.log10(error) - lowest) / (highest - lowest)
      return "q\(min(max(Int(share * Double(Self.count)), 0), Self.count - 1))"
    }

    /// Where the steps begin and end.
    var edges: [Double] {
      (0...Self.count).map { Double.pow(10, lowest + (highest - lowest) * Double($0) / Double(Self.count)) }
    }
  }

  // MARK: - Drawing

  /// Layers go down where there is little room, else across.
  func drawing(title: String, steps: Steps, isNarrow: Bool) -> Drawing {
    let labels = shortNames
    let width = isNarrow ? 340.0 : 720.0
    let names = isNarrow ? 30.0 : 12 + (labels.map { PlotArea.width(of: $0) }.max() ?? 0)
    let top = isNarrow ? 14 + (labels.map { PlotArea.width(of: $0) }.max() ?? 0) * 0.72 : 20.0
    let (across, down) = isNarrow ? (modules.count, layers.count) : (layers.count, modules.count)
    // The last name leans out to the right.
    let beside = isNarrow ? max(30, 8 + (labels.last.map { PlotArea.width(of: $0) } ?? 0) * 0.72) : 4
    let cellWidth = min(max((width - names - beside) / Double(max(across, 1)), 2), isNarrow ? 34 : 40)
    let cellHeight = isNarrow ? 11.0 : 20.0
    var axis = SVGElement("g", ["class": "axis"])
    for (number, label) in labels.enumerated() {
      let place = Double(number) + 0.5
      if isNarrow {
        let (x, y) = (names + place * cellWidth + 3, top - 4)
        axis.add(
          SVGElement(
            "text",
            [
              "x": .number(x), "y": .number(y),
              "transform": "rotate(-45 \(SVGElement.coordinate(x)) \(SVGElement.coordinate(y)))",
            ]
          ).text(label))
      } else {
        axis.add(
          SVGElement(
            "text", ["x": .number(names - 6), "y": .number(top + place * cellHeight + 4), "text-anchor": "end"]
          )
          .text(label))
      }
    }
    let every = max(1, Int((isNarrow ? 13 / cellHeight : 24 / cellWidth).rounded(.up)))
    for (number, layer) in layers.enumerated() where number.isMultiple(of: every) {
      let place = Double(number) + 0.5
      axis.add(
        SVGElement(
          "text",
          [
            "x": .number(isNarrow ? names - 6 : names + place * cellWidth),
            "y": .number(isNarrow ? top + place * cellHeight + 4 : top - 6),
            "text-anchor": isNarrow ? "end" : "middle",
          ]
        ).text("\(layer)"))
    }
    var elements = [axis]
    for (column, layer) in layers.enumerated() {
      for (row, module) in modules.enumerated() {
        guard let cell = cells[layer]?[module] else { continue }
        let (x, y) = isNarrow ? (row, column) : (column, row)
        elements.append(
          SVGElement(
            "rect",
            [
              "class": .string(steps.style(cell.tensor.relativeSquaredError)),
              "x": .number(names + Double(x) * cellWidth), "y": .number(top + Double(y) * cellHeight),
              "width": .number(max(cellWidth - 1, 1)), "height": .number(cellHeight - 1),
            ]
          ).titled(Self.words(cell), Self.figures(cell)))
      }
    }
    var height = top + Double(down) * cellHeight + 6
    if !others.isEmpty {
      height += 8
      for tensor in others.prefix(Self.mostOthers) {
        let cell = Cell(tensor: tensor, count: 1)
        elements.append(
          SVGElement(
            "rect",
            [
              "class": .string(steps.style(tensor.relativeSquaredError)), "x": .number(names),
              "y": .number(height), "width": 33, "height": 15,
            ]
          ).titled(Self.words(cell), Self.figures(cell)))
        elements.append(
          SVGElement("text", ["class": "label", "x": .number(names + 40), "y": .number(height + 12)])
            .text(SafeText.short(tensor.name, isNarrow ? 36 : 60)))
        height += 18
      }
    }
    return Drawing(width: width, height: height + 4, label: title, elements: elements)
  }

  /// Tensors of no layer that are drawn.
  private static let mostOthers = 12

  private static func words(_ cell: Cell) -> String {
    let tensor = cell.tensor
    return "\(SafeText.name(tensor.name))\n"
      + "\(SafeText.name(tensor.encodingBefore)) → \(SafeText.name(tensor.encodingAfter)), "
      + tensor.shape.map(String.init).joined(separator: " × ")
      + "\nrelative squared error \(NumberText.significant(tensor.relativeSquaredError, 3))"
      + (cell.count > 1 ? "\nthe worst of the layer's experts" : "")
  }

  private static func figures(_ cell: Cell) -> [Figure] {
    cell.tensor.shape.map { Figure($0) } + [Figure(cell.tensor.relativeSquaredError, "")]
  }

  /// The ends of the modules' names, as much as tells them apart.
  private var shortNames: [String] {
    modules.map { module in
      let parts = module.split(separator: ".")
      for count in 1...max(parts.count, 1) {
        let end = parts.suffix(count).joined(separator: ".")
        if modules.count(where: { $0 == end || $0.hasSuffix("." + end) }) == 1 { return SafeText.short(end, 26) }
      }
      return SafeText.short(module, 26)
    }
  }
}
