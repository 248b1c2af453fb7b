#include "biplane/core/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/given_keys.h"
#include "biplane/core/share.h"

namespace biplane {
namespace {

[[noreturn]] void throw_usage(const std::string& message) {
  throw Error(ErrorKind::kUsage, message);
}

// yaml-cpp recurses once a nesting level, and a few aliases of aliases stand for billions of nodes;
// configurations are shallow and small.
class ShapeCheck {
 public:
  explicit ShapeCheck(const std::string& source) : source_(source) {}
  void visit(const YAML::Node& node, int depth) {
    if (depth > 16) throw_usage(source_ + ": nested deeper than 16 levels");
    constexpr int kMostNodes = 100'000;
    if (++nodes_ > kMostNodes)
      throw_usage(source_ + ": more than " + std::to_string(kMostNodes) +
                  " values, aliases counted");
    if (node.IsMap()) {
      std::set<std::string> keys;
      for (const auto& entry : node) {
        if (entry.first.IsScalar() && !keys.insert(entry.first.Scalar()).second) {
          throw_usage(source_ + ": line " + std::to_string(entry.first.Mark().line + 1) +
                      ": the key '" + entry.first.Scalar() + "' is given twice");
        }
        visit(entry.second, depth + 1);
      }
    } else if (node.IsSequence()) {
      for (const auto& entry : node) visit(entry, depth + 1);
    }
  }

 private:
  const std::string& source_;
  int nodes_ = 0;
};

YAML::Node parse_yaml(const std::string& text, const std::string& source) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    throw_usage(source + ": line " + std::to_string(error.mark.line + 1) +
                ": not valid YAML: " + error.msg);
  }
}

std::string describe(const YAML::Node& node) {
  if (node.IsScalar()) return "'" + node.Scalar() + "'";
  if (node.IsSequence()) return "a list";
  if (node.IsMap()) return "a group of keys";
  return "nothing";
}

// Shortest text that reads back as the same double, always with a mark of being a number with
// fraction.
std::string double_text(double value) {
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, result.ptr);
}

}  // namespace

struct ConfigTree::Impl {
  YAML::Node root;
  std::string source;
  // dotted key -> where it came from, if not from `source`: "--set a.b=c", or an extended file
  std::map<std::string, std::string> overrides;

  const std::string& source_of(const std::string& key) const {
    const auto found = overrides.find(key);
    return found != overrides.end() ? found->second : source;
  }
};

namespace {

namespace fs = std::filesystem;

constexpr const char* kExtends = "extends";

void note_source(const YAML::Node& node, const std::string& key, const ConfigTree::Impl& from,
                 ConfigTree::Impl& to) {
  to.overrides[key] = from.source_of(key);
  if (!node.IsMap()) return;
  for (const auto& entry : node) {
    if (entry.first.IsScalar())
      note_source(entry.second, key + "." + entry.first.Scalar(), from, to);
  }
}

// Puts into the group `own` (its keys begin with `prefix`) what only `base` has.
void inherit(YAML::Node own, const YAML::Node& base, const std::string& prefix,
             const ConfigTree::Impl& from, ConfigTree::Impl& to) {
  for (const auto& entry : base) {
    if (!entry.first.IsScalar()) {  // the reader names it
      own[entry.first] = entry.second;
      continue;
    }
    const std::string& name = entry.first.Scalar();
    const YAML::Node& group = own;  // const: operator[] must not create the key
    const YAML::Node value = group[name];
    if (value.IsDefined() && value.IsMap() && entry.second.IsMap()) {
      inherit(value, entry.second, prefix + name + ".", from, to);
    } else if (!value.IsDefined() || value.IsNull()) {
      own[name] = entry.second;
      note_source(entry.second, prefix + name, from, to);
    }
  }
}

// A file beside `file`, else one that comes with the program. Empty: there is none.
fs::path find_base(const fs::path& file, const std::string& name) {
  const std::string with_ending = fs::path(name).extension() == ".yaml" ? name : name + ".yaml";
  for (const std::string& own : {name, with_ending})
    if (fs::is_regular_file(file.parent_path() / own)) return file.parent_path() / own;
  if (fs::path(name).has_parent_path()) return {};
  for (const char* kind : {"labels/", "configs/", "configs/tasks/", "configs/baselines/"}) {
    try {
      return share_file(kind + with_ending);
    } catch (const Error&) {  // not of this kind
    }
  }
  return {};
}

// `above`: the files that led here.
ConfigTree read_extended(const fs::path& file, std::vector<fs::path> above) {
  const fs::path place = fs::weakly_canonical(file);
  if (std::find(above.begin(), above.end(), place) != above.end())
    throw_usage(file.string() + ": is reached again: configurations extend each other in a circle");
  above.push_back(place);
  ConfigTree tree = ConfigTree::parse(read_file(file, 1 << 20), file.string());
  ConfigTree::Impl& own = tree.impl();
  const YAML::Node& root = own.root;
  const YAML::Node base_name = root[kExtends];
  if (!base_name.IsDefined()) return tree;
  const std::string key = file.string() + ": " + kExtends;
  if (!base_name.IsScalar() || base_name.Scalar().empty())
    throw_usage(key + " must be the path of a file, got " + describe(base_name));
  const fs::path base_file = find_base(file, base_name.Scalar());
  if (base_file.empty())
    throw Error(ErrorKind::kMissingInput,
                key + ": " + (file.parent_path() / base_name.Scalar()).string() +
                    ": no such file, and none of that name comes with the program");
  own.root.remove(kExtends);
  const ConfigTree base = read_extended(base_file, std::move(above));
  inherit(own.root, base.impl().root, "", base.impl(), own);
  return tree;
}

}  // namespace

ConfigTree::ConfigTree() : impl_(std::make_unique<Impl>()) {
  impl_->root = YAML::Node(YAML::NodeType::Map);
  impl_->source = "configuration";
}
ConfigTree::~ConfigTree() = default;
ConfigTree::ConfigTree(ConfigTree&&) noexcept = default;
ConfigTree& ConfigTree::operator=(ConfigTree&&) noexcept = default;

ConfigTree ConfigTree::parse(const std::string& yaml, const std::string& source) {
  ConfigTree tree;
  tree.impl_->source = source;
  // A flow nesting bomb ("[[[[...") would overflow the parser's stack before any check of ours.
  int nesting = 0;
  for (const char c : yaml) {
    nesting += (c == '[' || c == '{') ? 1 : (c == ']' || c == '}') ? -1 : 0;
    if (nesting > 64) throw_usage(source + ": brackets nested deeper than 64");
  }
  const YAML::Node root = parse_yaml(yaml, source);
  if (root.IsNull() || !root.IsDefined()) return tree;
  if (!root.IsMap())
    throw_usage(source + ": the top level must be 'key: value' lines, found " + describe(root));
  ShapeCheck(source).visit(root, 0);
  tree.impl_->root = root;
  return tree;
}

ConfigTree ConfigTree::read(const fs::path& file) { return read_extended(file, {}); }

bool ConfigTree::has(const std::string& key) const {
  return std::as_const(impl_->root)[key].IsDefined();
}

void ConfigTree::set(const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw_usage("--set " + assignment +
                ": must have the form key=value, for example train.lr=1e-4");
  }
  const std::string key = assignment.substr(0, equals);
  const std::string source = "--set " + assignment;
  YAML::Node value = parse_yaml(assignment.substr(equals + 1), source);
  if (value.IsNull()) value = YAML::Node(std::string());
  YAML::Node node = impl_->root;
  std::size_t begin = 0;
  for (std::size_t dot = key.find('.'); dot != std::string::npos; dot = key.find('.', begin)) {
    YAML::Node next = node[key.substr(begin, dot - begin)];
    if (next.IsDefined() && !next.IsNull() && !next.IsMap()) {
      throw_usage(source + ": " + key.substr(0, dot) + " is a value, not a group of keys");
    }
    if (!next.IsDefined() || next.IsNull()) next = YAML::Node(YAML::NodeType::Map);
    node[key.substr(begin, dot - begin)] = next;
    node.reset(next);
    begin = dot + 1;
  }
  node[key.substr(begin)] = value;
  impl_->overrides[key] = source;
}

namespace {

// `of_group`: where a key of the group comes from that nothing else is noted of.
void add_given(const YAML::Node& group, const GivenKey& of_group, const ConfigTree::Impl& tree,
               std::vector<GivenKey>& given) {
  for (const auto& entry : group) {
    if (!entry.first.IsScalar() || entry.second.IsNull()) continue;
    GivenKey own{of_group.key + entry.first.Scalar(), of_group.source};
    const auto noted = tree.overrides.find(own.key);
    if (noted != tree.overrides.end()) own.source = noted->second;
    if (entry.second.IsMap()) {
      own.key += ".";
      add_given(entry.second, own, tree, given);
    } else {
      given.push_back(std::move(own));
    }
  }
}

}  // namespace

std::vector<GivenKey> given_keys(const ConfigTree& tree) {
  std::vector<GivenKey> given;
  add_given(tree.impl().root, {"", tree.impl().source}, tree.impl(), given);
  return given;
}

struct ConfigReader::Impl {
  const ConfigTree::Impl* tree;
  struct Level {
    YAML::Node node;  // may be undefined: the group is absent
    std::string prefix;
    std::set<std::string> known;
  };
  std::vector<Level> levels;
  std::vector<Level> done;  // finished levels, checked for unknown keys at the end

  std::string path(std::string_view name) const { return levels.back().prefix + std::string(name); }

  // The node of a field, or an undefined/null one; remembers that the key is known.
  YAML::Node find(std::string_view name) {
    Level& level = levels.back();
    level.known.insert(std::string(name));
    if (!level.node.IsDefined() || !level.node.IsMap())
      return YAML::Node(YAML::NodeType::Undefined);
    const YAML::Node& parent = level.node;  // const: operator[] must not create the key
    return parent[std::string(name)];
  }

  [[noreturn]] void bad(std::string_view name, const YAML::Node& node,
                        const std::string& wanted) const {
    const std::string key = path(name);
    throw_usage(tree->source_of(key) + ": " + key + " must be " + wanted + ", got " +
                describe(node));
  }

  template <class T>
  void scalar(std::string_view name, T& value, const std::string& wanted) {
    const YAML::Node node = find(name);
    if (!node.IsDefined() || node.IsNull()) return;
    if (!convert(node, value)) bad(name, node, wanted);
  }

  template <class T>
  void list(std::string_view name, std::vector<T>& values, const std::string& wanted) {
    const YAML::Node node = find(name);
    if (!node.IsDefined() || node.IsNull()) return;
    if (!node.IsSequence()) bad(name, node, wanted);
    std::vector<T> read(node.size());
    for (std::size_t i = 0; i < node.size(); ++i) {
      if (!convert(node[i], read[i])) bad(name, node[i], wanted);
    }
    values = std::move(read);
  }

  static bool convert(const YAML::Node& node, std::int64_t& value) {
    if (!node.IsScalar()) return false;
    const std::string& text = node.Scalar();
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    return result.ec == std::errc() && result.ptr == text.data() + text.size() && !text.empty();
  }
  static bool convert(const YAML::Node& node, double& value) {
    if (!node.IsScalar()) return false;
    const std::string& text = node.Scalar();
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    return result.ec == std::errc() && result.ptr == text.data() + text.size() &&
           std::isfinite(value);
  }
  static bool convert(const YAML::Node& node, bool& value) {
    if (!node.IsScalar() || (node.Scalar() != "true" && node.Scalar() != "false")) return false;
    value = node.Scalar() == "true";
    return true;
  }
  static bool convert(const YAML::Node& node, std::string& value) {
    if (!node.IsScalar()) return false;
    value = node.Scalar();
    return true;
  }
};

ConfigReader::ConfigReader(const ConfigTree& tree) : impl_(std::make_unique<Impl>()) {
  impl_->tree = &tree.impl();
  impl_->levels.push_back({tree.impl().root, "", {}});
}
ConfigReader::~ConfigReader() = default;

void ConfigReader::field(std::string_view name, std::int64_t& v) {
  impl_->scalar(name, v, "a whole number");
}
void ConfigReader::field(std::string_view name, double& v) {
  impl_->scalar(name, v, "a finite number");
}
void ConfigReader::field(std::string_view name, bool& v) {
  impl_->scalar(name, v, "true or false");
}
void ConfigReader::field(std::string_view name, std::string& v) { impl_->scalar(name, v, "text"); }
void ConfigReader::field(std::string_view name, std::vector<std::int64_t>& v) {
  impl_->list(name, v, "a list of whole numbers");
}
void ConfigReader::field(std::string_view name, std::vector<double>& v) {
  impl_->list(name, v, "a list of numbers");
}
void ConfigReader::field(std::string_view name, std::vector<std::string>& v) {
  impl_->list(name, v, "a list of texts");
}

std::size_t ConfigReader::list_size(std::string_view name) {
  const YAML::Node node = impl_->find(name);
  if (!node.IsDefined() || node.IsNull()) return kAbsent;
  if (!node.IsSequence()) impl_->bad(name, node, "a list");
  return node.size();
}

void ConfigReader::enter(std::string_view name) {
  const YAML::Node node = impl_->find(name);
  if (node.IsDefined() && !node.IsNull() && !node.IsMap())
    impl_->bad(name, node, "a group of keys");
  impl_->levels.push_back({node, impl_->path(name) + ".", {}});
}

void ConfigReader::enter(std::string_view name, std::size_t index) {
  const YAML::Node node = impl_->find(name)[index];
  if (!node.IsMap()) impl_->bad(name, node, "a list of groups of keys");
  impl_->levels.push_back({node, impl_->path(name) + "." + std::to_string(index) + ".", {}});
}

void ConfigReader::leave() {
  impl_->done.push_back(std::move(impl_->levels.back()));
  impl_->levels.pop_back();
}

void ConfigReader::finish() const {
  std::vector<const Impl::Level*> levels{&impl_->levels.front()};
  std::vector<std::string> all_keys;
  for (const Impl::Level& level : impl_->done) levels.push_back(&level);
  for (const Impl::Level* level : levels) {
    for (const std::string& name : level->known) all_keys.push_back(level->prefix + name);
  }
  for (const Impl::Level* level : levels) {
    if (!level->node.IsDefined() || !level->node.IsMap()) continue;
    for (const auto& entry : level->node) {
      const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "(not a name)";
      if (level->known.count(name) > 0) continue;
      const std::string key = level->prefix + name;
      throw_usage(impl_->tree->source_of(key) + ": unknown key " + key +
                  did_you_mean(key, all_keys, "; --print-config shows all keys"));
    }
  }
}

struct ConfigWriter::Impl {
  YAML::Emitter out;
};

ConfigWriter::ConfigWriter() : impl_(std::make_unique<Impl>()) { impl_->out << YAML::BeginMap; }
ConfigWriter::~ConfigWriter() = default;

namespace {

void emit(YAML::Emitter& out, std::int64_t value) { out << value; }
void emit(YAML::Emitter& out, double value) { out << double_text(value); }
void emit(YAML::Emitter& out, bool value) { out << value; }
void emit(YAML::Emitter& out, const std::string& value) { out << YAML::DoubleQuoted << value; }

template <class T>
void emit_field(YAML::Emitter& out, std::string_view name, const T& value) {
  out << YAML::Key << std::string(name) << YAML::Value;
  emit(out, value);
}

template <class T>
void emit_list(YAML::Emitter& out, std::string_view name, const std::vector<T>& values) {
  out << YAML::Key << std::string(name) << YAML::Value << YAML::Flow << YAML::BeginSeq;
  for (const T& value : values) emit(out, value);
  out << YAML::EndSeq;
}

}  // namespace

void ConfigWriter::field(std::string_view name, std::int64_t& v) {
  emit_field(impl_->out, name, v);
}
void ConfigWriter::field(std::string_view name, double& v) { emit_field(impl_->out, name, v); }
void ConfigWriter::field(std::string_view name, bool& v) { emit_field(impl_->out, name, v); }
void ConfigWriter::field(std::string_view name, std::string& v) { emit_field(impl_->out, name, v); }
void ConfigWriter::field(std::string_view name, std::vector<std::int64_t>& v) {
  emit_list(impl_->out, name, v);
}
void ConfigWriter::field(std::string_view name, std::vector<double>& v) {
  emit_list(impl_->out, name, v);
}
void ConfigWriter::field(std::string_view name, std::vector<std::string>& v) {
  emit_list(impl_->out, name, v);
}

void ConfigWriter::begin_list(std::string_view name) {
  impl_->out << YAML::Key << std::string(name) << YAML::Value << YAML::BeginSeq;
}
void ConfigWriter::end_list() { impl_->out << YAML::EndSeq; }
void ConfigWriter::begin_map() { impl_->out << YAML::BeginMap; }
void ConfigWriter::begin_map(std::string_view name) {
  impl_->out << YAML::Key << std::string(name) << YAML::Value << YAML::BeginMap;
}
void ConfigWriter::end_map() { impl_->out << YAML::EndMap; }

std::string ConfigWriter::yaml() const {
  impl_->out << YAML::EndMap;
  return std::string(impl_->out.c_str()) + "\n";
}

}  // namespace biplane
