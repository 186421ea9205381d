package plain

import (
	"fmt"
	"math"
	"time"
)

// normalise turns what the YAML library decodes into the shapes of encoding/json:
// integers as int64, times as text, keys as strings.
func normalise(value any) (any, error) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			clean, err := normalise(inner)
			if err != nil {
				return nil, err
			}
			value[key] = clean
		}
		return value, nil
	case map[any]any:
		mapping := make(map[string]any, len(value))
		for key, inner := range value {
			clean, err := normalise(inner)
			if err != nil {
				return nil, err
			}
			mapping[fmt.Sprint(key)] = clean
		}
		return mapping, nil
	case []any:
		for i, inner := range value {
			clean, err := normalise(inner)
			if err != nil {
				return nil, err
			}
			value[i] = clean
		}
		return value, nil
	case int:
		return int64(value), nil
	case uint64:
		return float64(value), nil
	case float64:
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, fmt.Errorf("%v is no number that Kubernetes knows", value)
		}
		if math.Trunc(value) == value && math.Abs(value) < 1<<53 {
			return int64(value), nil // as JSON prints it
		}
		return value, nil
	case time.Time:
		return value.Format(time.RFC3339Nano), nil
	default:
		return value, nil
	}
}
