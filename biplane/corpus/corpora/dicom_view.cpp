#include "biplane/corpus/corpora/dicom_view.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace biplane {
namespace {

using Words = std::vector<std::string>;

// Base letters of Latin-1's characters from 0xC0 on; a blank for what is none.
constexpr std::string_view kLatin =
    "aaaaaaaceeeeiiii nooooo ouuuuy saaaaaaaceeeeiiii nooooo ouuuuy y";

// The letter or blank that a byte of ASCII or Latin-1 stands for.
char plain_letter(unsigned code) {
  if (code >= 'A' && code <= 'Z') return static_cast<char>(code - 'A' + 'a');
  if (code >= 'a' && code <= 'z') return static_cast<char>(code);
  return code >= 0xC0 && code <= 0xFF ? kLatin[code - 0xC0] : ' ';
}

bool in(const auto& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool begins_with_one_of(const auto& list, std::string_view word) {
  return std::any_of(list.begin(), list.end(),
                     [&](std::string_view start) { return word.starts_with(start); });
}

// Words that belong together: "p a", "postero anterior".
bool are_one_word(std::string_view first, std::string_view second) {
  if (first.size() == 1 && second.size() == 1) return true;
  static constexpr std::array kHalves = {"postero", "antero", "ventro", "dorso"};
  return in(kHalves, first);
}

// ---- views

enum class Seen { kNothing, kPa, kAp, kFrontal, kLateral, kOther };

constexpr std::array kPaWords = {"pa", "posteroanterior", "posteroanterieur", "posteroanterieure",
                                 "dv", "dorsoventral"};
constexpr std::array kApWords = {"ap",
                                 "anteroposterior",
                                 "anteroposterieur",
                                 "anteroposterieure",
                                 "vd",
                                 "supine",
                                 "liegend",
                                 "liegendaufnahme",
                                 "bed",
                                 "bedside",
                                 "portable",
                                 "bett",
                                 "bettaufnahme",
                                 "couche",
                                 "lit"};
constexpr std::array kFrontalWords = {"frontal", "frontale", "face"};
constexpr std::array kLateralWords = {"ll",    "rl",    "llat",           "rlat",    "profil",
                                      "seitl", "seite", "seitenaufnahme", "seitbild"};
constexpr std::array kLateralStarts = {"lat", "seitlich"};
constexpr std::array kOtherViews = {"lao",  "rao",    "lpo",    "rpo",      "llo",
                                    "rlo",  "lld",    "rld",    "axial",    "swimmers",
                                    "apex", "apical", "xtable", "lordotic", "schrag"};
constexpr std::array kOtherStarts = {"obliq", "decub"};

Seen view_in(const Words& words) {
  bool pa = false, ap = false, frontal = false, lateral = false;
  for (const std::string& word : words) {
    if (in(kOtherViews, word) || begins_with_one_of(kOtherStarts, word)) return Seen::kOther;
    pa = pa || in(kPaWords, word);
    ap = ap || in(kApWords, word);
    frontal = frontal || in(kFrontalWords, word);
    lateral = lateral || in(kLateralWords, word) || begins_with_one_of(kLateralStarts, word);
  }
  frontal = frontal || pa || ap;
  if (lateral && frontal) return Seen::kOther;
  if (lateral) return Seen::kLateral;
  if (pa != ap) return pa ? Seen::kPa : Seen::kAp;
  return frontal ? Seen::kFrontal : Seen::kNothing;
}

// PS3.16 CID 4010, in SNOMED CT and in the older SNOMED RT.
Seen view_of_code(const DicomCode& code) {
  static constexpr std::array kPa = {"272479007", "R-10214"};
  static constexpr std::array kAp = {"399348003", "R-10206"};
  static constexpr std::array kLateral = {"399173006", "399198007", "R-10236", "R-10232"};
  if (in(kPa, code.value)) return Seen::kPa;
  if (in(kAp, code.value)) return Seen::kAp;
  if (in(kLateral, code.value)) return Seen::kLateral;
  return view_in(plain_words(code.meaning));
}

// Where the rows of the image lead to: A(nterior) or P(osterior) in a lateral.
Seen view_of_orientation(const std::string& orientation) {
  const char row = orientation.empty() ? ' ' : orientation.front();
  if (row == 'A' || row == 'P') return Seen::kLateral;
  return row == 'L' || row == 'R' ? Seen::kFrontal : Seen::kNothing;
}

// ---- body parts

constexpr std::array kChestStarts = {"chest", "thora", "thx", "lung", "pulm", "poumon"};
constexpr std::array kChestCodes = {"51185008", "816094009", "43799004", "T-D3000"};
constexpr std::array kOtherParts = {"hand",  "foot",   "fuss",  "pied",  "hip",   "hufte", "main",
                                    "rib",   "ribs",   "cotes", "hws",   "bws",   "lws",   "spine",
                                    "ankle", "wrist",  "elbow", "knee",  "knie",  "genou", "arm",
                                    "neck",  "bassin", "crane", "hals",  "tibia", "femur", "finger",
                                    "head",  "leg",    "jaw",   "hanche"};
constexpr std::array kOtherPartStarts = {
    "abdom",   "pelvi",    "becken",   "shoulder", "schulter", "epaule", "wirbel",   "rachis",
    "schadel", "skull",    "humer",    "mammo",    "breast",   "clavic", "clavicul", "rippe",
    "sprung",  "handgele", "ellenbog", "cheville", "poignet",  "coude",  "colonne",  "extrem",
    "tspine",  "cspine",   "lspine",   "oberarm",  "unterarm", "sternum"};
constexpr std::array kNoParts = {"unknown", "other", "default", "undefined", "none"};

BodyPart part_in(const Words& words) {
  bool chest = false, other = false;
  for (const std::string& word : words) {
    chest = chest || begins_with_one_of(kChestStarts, word);
    other = other || in(kOtherParts, word) || begins_with_one_of(kOtherPartStarts, word);
  }
  if (other) return BodyPart::kOther;
  return chest ? BodyPart::kChest : BodyPart::kUnknown;
}

}  // namespace

std::vector<std::string> plain_words(const std::string& text) {
  Words words;
  std::string word;
  const auto end_word = [&] {
    if (word.empty()) return;
    if (!words.empty() && are_one_word(words.back(), word)) {
      words.back() += word;
    } else {
      words.push_back(word);
    }
    word.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = static_cast<unsigned char>(text[i]);
    if (code == '.') continue;  // "p.a.", "lat."
    const unsigned next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if ((code == 0xC2 || code == 0xC3) && (next & 0xC0) == 0x80) {  // UTF-8 of a Latin letter
      code = (code == 0xC3 ? 0xC0 : 0x80) | (next & 0x3F);
      ++i;
    }
    const char letter = plain_letter(code);
    if (letter == ' ') {
      end_word();
    } else {
      word += letter;
    }
  }
  end_word();
  return words;
}

ViewPosition view_of(const DicomInfo& info) {
  bool frontal = false;
  for (const Seen seen :
       {view_in(plain_words(info.view_position)), view_of_code(info.view_code),
        view_of_orientation(info.patient_orientation),
        view_in(plain_words(info.series_description + " / " + info.protocol_name))}) {
    if (seen == Seen::kOther) return frontal ? ViewPosition::kPA : ViewPosition::kUnknown;
    if (seen == Seen::kLateral) return frontal ? ViewPosition::kPA : ViewPosition::kLateral;
    if (seen == Seen::kPa) return ViewPosition::kPA;
    if (seen == Seen::kAp) return ViewPosition::kAP;
    frontal = frontal || seen == Seen::kFrontal;
  }
  return frontal ? ViewPosition::kPA : ViewPosition::kUnknown;
}

BodyPart body_part_of(const DicomInfo& info) {
  const Words named = plain_words(info.body_part);
  const bool says_nothing = std::all_of(named.begin(), named.end(),
                                        [](const std::string& word) { return in(kNoParts, word); });
  if (!says_nothing)
    return part_in(named) == BodyPart::kChest ? BodyPart::kChest : BodyPart::kOther;
  if (in(kChestCodes, info.anatomic_region.value)) return BodyPart::kChest;
  const BodyPart region = part_in(plain_words(info.anatomic_region.meaning));
  if (region != BodyPart::kUnknown) return region;
  const BodyPart series =
      part_in(plain_words(info.series_description + " / " + info.protocol_name));
  return series != BodyPart::kUnknown ? series : part_in(plain_words(info.study_description));
}

}  // namespace biplane
