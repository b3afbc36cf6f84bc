# Sourced (`. utils/parse_options.sh`) after utils/log.sh and after the options' defaults and `help_message` are set.
#
#   --stop-stage 3   --stop_stage 3   --stop-stage=3     all set ${stop_stage} to 3; given twice, the last one counts
#   --help, -h                                           prints ${help_message}
#   --                                                   ends the options, as does the first word that is not one
#
# An option exists when a line of ${help_message} begins with it (after blanks) and a variable of its name is set.
# Variables that are not documented cannot be set from outside, nor can help_message, nor names that begin with _ (as
# all here do).
# The variable's default says what an option takes:
#
#   true, false   true or false; the option alone means true
#   7             a whole number: no blanks, no +, no leading zeros, at most 18 digits (bash would read 08 as octal)
#   0.5, 1e-3     a number: 3, -0.25, .5, 2e-4; no nan, inf or hexadecimal, nor more than a float can hold
#   empty         any text, or none
#   other         any text, but not none: an empty folder name would lead to the root of the disk
#
# A value is assigned as it is, byte for byte, and never evaluated. One that begins with -- is given as --tag=--x, since
# an option whose value was forgotten must not swallow the next one. A mistake ends the script with status 2.
# What is left in "$@" afterwards are the positional arguments. Without a mistake no process is started.
# shellcheck shell=bash disable=SC2154

_option_whole_number='^(0|-?[1-9][[:digit:]]{0,17})$'
_option_any_number='^-?([[:digit:]]{1,18}(\.[[:digit:]]*)?|\.[[:digit:]]+)([eE][-+]?[[:digit:]]{1,2})?$'

# _option_kind NAME: set _option_kind to what a declared option (without dashes before it) takes, or fail.
_option_kind() {
    [[ $1 != *[' :']* && ${_options} == *" $1:"* ]] || return 1
    _option_kind=${_options#*" $1:"}
    _option_kind=${_option_kind%% *}
}

# _option_nearest WORD: print the option that was probably meant, by the rule of did_you_mean in weaksep/errors.py.
_option_nearest() {
    # Through the environment: awk -v would read escapes in it.
    WORD=$1 OPTIONS=${_options} awk '
        # Letters in common as difflib counts them: the longest run, then what is alike before and behind it.
        function alike(a, b,    i, j, n, size, at, to) {
            for (i = 1; i <= length(a); i++)
                for (j = 1; j <= length(b); j++) {
                    for (n = 0; i + n <= length(a) && substr(a, i + n, 1) == substr(b, j + n, 1); n++);
                    if (n > size) { size = n; at = i; to = j }
                }
            if (!size) return 0
            return size + alike(substr(a, 1, at - 1), substr(b, 1, to - 1)) \
                + alike(substr(a, at + size), substr(b, to + size))
        }
        function abbreviates(a, b,    i, j) {
            if (length(a) > length(b)) return abbreviates(b, a)
            i = 1
            for (j = 1; j <= length(b); j++) if (i <= length(a) && substr(a, i, 1) == substr(b, j, 1)) i++
            return length(a) > 1 && substr(a, 1, 1) == substr(b, 1, 1) && i > length(a)
        }
        BEGIN {
            word = substr(ENVIRON["WORD"], 3)
            count = split(ENVIRON["OPTIONS"] "help:", options, / /)
            for (n = 2; n <= count; n++) {
                option = substr(options[n], 1, index(options[n], ":") - 1)
                like = 2 * alike(option, word) / (length(option) + length(word))
                if (like < 0.6 && !abbreviates(option, word)) continue
                for (k = 0; k < 4 && k < length(word) && substr(option, k + 1, 1) == substr(word, k + 1, 1); k++);
                like += 0.1 * k * (1 - like)
                if (like > best) { best = like; nearest = "--" option }
            }
            print nearest
        }'
}

# _option_unknown WORD: say that there is no such option, and which one was probably meant.
_option_unknown() {
    local word=${1%%=*} hint='' nearest=''
    [[ ${word} == --* ]] || hint=": options begin with two dashes"
    [ "${word}" != -- ] || hint=": there is no name before the ="
    [[ ! ${word} =~ ^--?([A-Za-z0-9_-]{1,40})$ ]] || nearest=$(_option_nearest "--${BASH_REMATCH[1]//_/-}")
    die "unknown option ${word//[![:print:]]/?}${hint}${nearest:+; did you mean ${nearest}?} (--help lists the options)"
}

# _option_check NAME KIND VALUE: die unless the value is of the kind.
_option_check() {
    local wanted='' hint=''
    case $2 in
        switch) [[ $3 == true || $3 == false ]] || wanted="true or false" ;;
        whole) [[ $3 =~ ${_option_whole_number} ]] || wanted="a whole number" ;;
        number) [[ $3 =~ ${_option_any_number} ]] || wanted="a number" ;;
        filled) [ -n "$3" ] || wanted="a value" ;;
    esac
    [ -n "${wanted}" ] || return 0
    [[ $2 != whole || ! $3 =~ ^[-+]?[[:digit:]]+$ ]] || hint=" (no leading zero, no +, at most 18 digits)"
    die "option --$1 takes ${wanted}, not '${3//[![:print:]]/?}'${hint}"
}

# The kinds are fixed before the first value is set: " stop-stage:whole tag:text ".
_options=' '
_option_rest=${help_message}$'\n'
while [ -n "${_option_rest}" ]; do
    _option_line=${_option_rest%%$'\n'*}
    _option_rest=${_option_rest#*$'\n'}
    [[ ${_option_line} =~ ^[[:blank:]]+--([a-z][a-z0-9_-]*) ]] || continue
    _option_variable=${BASH_REMATCH[1]//-/_}
    [ "${_option_variable}" != help_message ] && [ -n "${!_option_variable+set}" ] || continue
    _option_value=${!_option_variable}
    if [[ ${_option_value} == true || ${_option_value} == false ]]; then _option_kind=switch
    elif [[ ${_option_value} =~ ^-?[[:digit:]]+$ ]]; then _option_kind=whole
    elif [[ ${_option_value} =~ ${_option_any_number} ]]; then _option_kind=number
    elif [ -n "${_option_value}" ]; then _option_kind=filled
    else _option_kind=text; fi
    _options+="${_option_variable//_/-}:${_option_kind} "
done

while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) printf '%s\n' "${help_message}"; exit 0 ;;
        --help=*) die "option --help takes no value" ;;
        --) shift; break ;;
        -*) ;;
        *) break ;;
    esac
    _option_name=${1%%=*}
    _option_name=${_option_name//_/-}
    if [[ ${_option_name} != --* ]] || ! _option_kind "${_option_name#--}"; then _option_unknown "$1"; fi
    _option_name=${_option_name#--}
    if [[ $1 == *=* ]]; then
        _option_value=${1#*=}
    elif [ $# -gt 1 ] && [[ $2 != --* && $2 != -h ]]; then
        _option_value=$2
        shift
    elif [ "${_option_kind}" = switch ]; then
        _option_value=true
    elif [ $# -gt 1 ] && [ "$2" != -- ]; then
        die "option $1 needs a value; if '${2//[![:print:]]/?}' is meant to be it, write it behind a =, $1=..."
    else
        die "option $1 needs a value"
    fi
    shift
    _option_check "${_option_name}" "${_option_kind}" "${_option_value}"
    printf -v "${_option_name//-/_}" '%s' "${_option_value}"
done
