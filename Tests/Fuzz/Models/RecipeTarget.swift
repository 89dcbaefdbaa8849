internal import Conversion
internal import FuzzSupport
internal import JSON

extension ModelsTargets {
  static let recipe = FuzzTarget("recipe", seeds: ["Tests/Fuzz/Seeds/recipe"]) { bytes in
    let recipe = try Recipe(try JSONValue(parsing: bytes), importance: nil, path: "recipe")
    let members = try recipe.members()
    let again = try Recipe(.object(members), importance: nil, path: "recipe").members()
    try FuzzFinding.unless(again == members, "\(members) is \(again) when read again")
  }
}
