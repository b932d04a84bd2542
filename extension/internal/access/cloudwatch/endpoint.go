package cloudwatch

import "strings"

// Endpoint is the address of CloudWatch Logs in a region, as AWS's partitions have it.
func Endpoint(region string, useFIPS, useDualStack bool) string {
	service := "logs"
	if useFIPS && (useDualStack || !strings.HasPrefix(region, "us-gov-")) { // there every other endpoint is
		service = "logs-fips"
	}
	domain := "amazonaws.com"
	switch {
	case strings.HasPrefix(region, "cn-") && useDualStack:
		domain = "api.amazonwebservices.com.cn"
	case strings.HasPrefix(region, "cn-"):
		domain = "amazonaws.com.cn"
	case strings.HasPrefix(region, "us-iso-"):
		domain = "c2s.ic.gov"
	case strings.HasPrefix(region, "us-isob-"):
		domain = "sc2s.sgov.gov"
	case strings.HasPrefix(region, "eusc-"):
		domain = "amazonaws.eu"
	case useDualStack:
		domain = "api.aws"
	}
	return "https://" + service + "." + region + "." + domain
}
