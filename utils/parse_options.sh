# Sourced after the options' defaults and `help_message` are set and utils/log.sh is sourced: `. utils/parse_options.sh`.
#
#   --stop-stage 3   --stop_stage 3   --stop-stage=3     all set ${stop_stage} to 3
#   --skip-train true   --skip-train                     a variable that is true or false stays one of the two
#   --help                                               prints ${help_message}
#
# An option exists when the caller has set a variable of its name and ${help_message} names it: what is not
# documented cannot be set from outside. Values are assigned as they are and never evaluated.
# What is left in "$@" afterwards are the positional arguments.
# shellcheck shell=bash disable=SC2154

# option_names: the options of ${help_message} that are variables here, one a line, with dashes.
option_names() {
    local option variable
    for option in $(grep -oE -e '--[a-z][a-z0-9_-]*' <<<"${help_message}" | tr _ - | LC_ALL=C sort -u); do
        variable=${option#--}
        variable=${variable//-/_}
        [ -z "${!variable+set}" ] || printf '%s\n' "${option}"
    done
}

# nearest_name WORD: of the lines on stdin the one with the fewest letters to change, if that is under half of WORD.
nearest_name() {
    # The word goes through the environment: awk -v would read escapes in it.
    WORD=$1 awk '
        function smallest(a, b, c) { return a < b ? (a < c ? a : c) : (b < c ? b : c) }
        function distance(a, b,    i, j, cost) {
            for (i = 0; i <= length(a); i++) cost[i, 0] = i
            for (j = 0; j <= length(b); j++) cost[0, j] = j
            for (i = 1; i <= length(a); i++)
                for (j = 1; j <= length(b); j++)
                    cost[i, j] = smallest(cost[i-1, j] + 1, cost[i, j-1] + 1,
                                          cost[i-1, j-1] + (substr(a, i, 1) != substr(b, j, 1)))
            return cost[length(a), length(b)]
        }
        BEGIN { word = ENVIRON["WORD"]; best = length(word) / 2 }
        { far = distance(word, $0); if (far < best) { best = far; name = $0 } }
        END { if (name != "") print name }'
}

while [ $# -gt 0 ]; do
    case $1 in
        -h | --help)
            printf '%s\n' "${help_message}"
            exit 0
            ;;
        --)
            shift
            break
            ;;
        --?*)
            option_name=${1%%=*}
            option_name=${option_name//_/-}
            if ! option_names | grep -xF -e "${option_name}" >/dev/null; then
                nearest=$(option_names | nearest_name "${option_name}")
                die "unknown option ${1%%=*}${nearest:+; did you mean ${nearest}?} (--help lists the options)"
            fi
            variable_name=${option_name#--}
            variable_name=${variable_name//-/_}
            is_switch=false
            case ${!variable_name} in true | false) is_switch=true ;; esac
            if [[ $1 == *=* ]]; then
                option_value=${1#*=}
            elif ${is_switch} && { [ $# -eq 1 ] || [[ $2 == --* ]]; }; then
                option_value=true
            else
                [ $# -ge 2 ] || die "option $1 needs a value"
                option_value=$2
                shift
            fi
            shift
            if ${is_switch} && [ "${option_value}" != true ] && [ "${option_value}" != false ]; then
                die "option ${option_name} takes true or false, not '${option_value}'"
            fi
            printf -v "${variable_name}" '%s' "${option_value}"
            ;;
        *) break ;;
    esac
done
